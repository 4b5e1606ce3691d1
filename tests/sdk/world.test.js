// The days on which everything happens at once: a hundred streams in an outage, contingency, local_only, callers that leave.
import assert from "node:assert/strict";

import { expectLocal } from "./support/expect.js";
import { silentStart } from "./support/scripted_cloud.js";
import { callNamed, calls } from "./support/sdk_calls.js";
import { answerOf, canaries, localModel, question } from "./support/words.js";
import { Journal } from "./support/within.js";
import { worldTest } from "./support/world.js";

for (const name of ["openai chat.completions.create stream", "openai responses.create stream", "anthropic messages.create stream"])
  worldTest(`${name}: a hundred at once get a hundred complete local answers when the cloud dies before the first content`, {}, async (world) => {
    const { ask } = callNamed(name);
    const begun = new Journal();
    world.cloud.behaviour = async (exchange) => {
      await silentStart(exchange);
      begun.add(exchange);
    };
    const questions = Array.from({ length: 100 }, (_, number) => `Question ${number}: ${question}`);
    const asking = questions.map((one) => ask(world, one));
    const settled = Promise.allSettled(asking);
    await begun.until(() => begun.entries.length === 100, "a hundred streams begun by the cloud");
    await world.cloud.die();
    for (const [number, outcome] of (await settled).entries()) {
      assert.equal(outcome.status, "fulfilled", String(outcome.reason));
      assert.equal(outcome.value.text, answerOf("local", questions[number]));
      assert.equal(outcome.value.headers.get("x-tideover-tier"), "local");
      // `connect` where the end overtook the first bytes.
      assert.match(outcome.value.headers.get("x-tideover-failover"), /^(malformed|connect)$/);
    }
    assert.equal(world.ollama.generations.length, 100);
    const lines = await world.daemon.requestLinesOnceThereAre(100);
    assert.equal(lines.length, 100, "no SDK asked twice");
    assert.ok(lines.every((line) => line.outcome === "failed_over"));
    assert.equal(new Set(lines.map((line) => line.request_id)).size, 100);
  });

worldTest("contingency: no connection to the cloud is made, whatever is asked", { environment: { TIDEOVER_CONTINGENCY: "1" } }, async (world) => {
  for (const call of calls) {
    const { text, headers } = await call.ask(world, question);
    assert.equal(text, answerOf("local", question), call.name);
    assert.equal(headers.get("x-tideover-tier"), "local");
    assert.equal(headers.get("x-tideover-failover"), "contingency");
  }
  const { data } = await world.openai.models.list();
  assert.ok(data.some((model) => model.id === localModel));
  const { response } = await world.anthropic.messages.countTokens({ model: "claude-sonnet-4-5", messages: [{ role: "user", content: question }] }).withResponse();
  assert.equal(response.headers.get("x-tideover-estimate"), "true");
  assert.equal(world.cloud.connections, 0);
});

const legal = { prefix: "/w/legal", more: "workflows:\n  legal: {policy: local_only}" };

worldTest("local_only: a base URL with /w/NAME keeps every call in the house", legal, async (world) => {
  for (const call of calls) {
    const { text, headers } = await call.ask(world, question);
    assert.equal(text, answerOf("local", question), call.name);
    assert.equal(headers.get("x-tideover-failover"), "policy");
  }
  assert.equal(world.cloud.requests.length, 0);
});

worldTest("local_only: nothing goes to the cloud when Ollama is away either", { ...legal, ollama: { behaviour: "refuse" } }, async (world) => {
  for (const call of calls) await assert.rejects(call.ask(world, question), (problem) => problem.status === 503);
  assert.equal(world.cloud.requests.length, 0);
  assert.equal(world.responses.length, calls.length, "no SDK asked twice");
});

worldTest("the caller's keys go to the cloud of their dialect only", {}, async (world) => {
  for (const call of calls) await call.ask(world, question);
  for (const { path, headers } of world.cloud.requests) {
    const all = JSON.stringify(headers);
    const anthropic = path === "/v1/messages";
    assert.equal(all.includes(canaries.anthropicKey), anthropic, path);
    assert.equal(all.includes(canaries.openaiKey), !anthropic, path);
    if (!anthropic) assert.equal(headers["openai-organization"], canaries.organization);
    if (anthropic) assert.match(headers["anthropic-version"], /^\d{4}-/);
  }
});

worldTest("the cloud comes back: the next request is served by it", { cloud: { behaviour: "error_500" } }, async (world) => {
  const { ask } = callNamed("openai chat.completions.create");
  const during = await ask(world, question);
  await expectLocal(world, during.headers, "server_error");
  world.cloud.behaviour = "well";
  const after = await ask(world, question);
  assert.equal(after.text, answerOf("cloud", question));
  assert.equal(after.headers.get("x-tideover-failover"), null);
});

/** What a stream said, for waiting until it says something. */
class Heard extends Journal {
  push(text) {
    this.add(text);
  }

  join(between) {
    return this.entries.join(between);
  }
}

const somethingSaid = (heard) => heard.first((text) => text !== "", "some content");

/** Starts a call, lets it run until `ready`, aborts it, and waits for what the daemon does then. */
async function abortWhen(world, call, upstream, ready) {
  const caller = new AbortController();
  const seen = new Heard();
  // OpenAI's streams end silently when their own caller aborts; all others raise.
  const over = call.ask(world, question, { options: { signal: caller.signal }, seen }).catch(() => {});
  await ready(seen);
  caller.abort();
  await over;
  const [request] = upstream.requests.filter((one) => one.path.startsWith("/v1/") || one.path === "/api/chat");
  await upstream.arrived.until(() => request.closed, "the upstream's connection is closed");
  assert.equal(request.finished, false, "the answer had not ended");
  const [line] = await world.daemon.requestLinesOnceThereAre(1);
  assert.equal(line.outcome, "client_gone");
  return seen;
}

for (const call of calls.filter((one) => one.stream)) {
  worldTest(`${call.name}: a caller that leaves in mid-stream ends the cloud's work`, { cloud: { behaviour: "stall" } }, async (world) => {
    const seen = await abortWhen(world, call, world.cloud, somethingSaid);
    assert.notEqual(seen.join(""), "");
    assert.equal(world.ollama.generations.length, 0, "nobody else was asked");
  });

  worldTest(`${call.name}: a caller that leaves in mid-stream ends Ollama's work`, { cloud: { behaviour: "error_500" }, ollama: { behaviour: "stall" } }, async (world) => {
    await abortWhen(world, call, world.ollama, somethingSaid);
  });
}

for (const call of calls)
  worldTest(`${call.name}: a caller that leaves while the cloud is silent ends the cloud's work, and nobody else is asked`, { cloud: { behaviour: "hang" } }, async (world) => {
    await abortWhen(world, call, world.cloud, () => world.cloud.arrived.first((request) => request.path.startsWith("/v1/"), "a request at the cloud"));
    assert.equal(world.ollama.generations.length, 0);
  });
