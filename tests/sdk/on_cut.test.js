// A stream that is cut after forty tokens, under each `stream.on_cut`: a raised error, a complete local answer, or a
// seamless continuation; never a part that passes for the whole.
import assert from "node:assert/strict";

import { writeEvent } from "./support/cloud_answers.js";
import { calls } from "./support/sdk_calls.js";
import { answerOf, countTokens } from "./support/words.js";
import { worldTest } from "./support/world.js";

const streams = calls.filter((call) => call.stream);
const question = "Why does the sea rise twice a day, and why not at the same hour, and why not equally high, and why " +
  "is it so much in some bays and hardly anything in others, and what has the wind to do with it, and what the moon?";
assert.ok(countTokens(answerOf("cloud", question)) > 60);

/** Forty usable events, then nothing of what a stream ends with. */
function cutAfterForty({ response, answer }) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const some = answer.events.slice(0, answer.silent + 40).map(writeEvent).join("");
  response.write(some, () => response.socket.destroy());
}

const workflow = (mode) => `workflows: {default: {policy: cloud_first, stream: {on_cut: ${mode}}}}`;

for (const call of streams) {
  worldTest(`${call.name}, on_cut error: raises`, { cloud: { behaviour: cutAfterForty }, more: workflow("error") }, async (world) => {
    const seen = [];
    await assert.rejects(call.ask(world, question, { seen }));
    const said = seen.join("");
    assert.ok(countTokens(said) >= 39, `forty tokens came through: ${said}`);
    assert.ok(answerOf("cloud", question).startsWith(said));
    assert.equal(world.ollama.generations.length, 0);
  });

  worldTest(`${call.name}, on_cut hold: the whole local answer and nothing else`, { cloud: { behaviour: cutAfterForty }, more: workflow("hold") }, async (world) => {
    const seen = [];
    const read = await call.ask(world, question, { seen });
    assert.equal(read.text, answerOf("local", question));
    if (seen.length > 0) assert.equal(seen.join(""), read.text);
    assert.equal(read.finish, call.finish);
    assert.equal(read.headers.get("x-tideover-tier"), "local");
    assert.equal(read.headers.get("x-tideover-failover"), "cut");
    const line = await world.daemon.requestLine(read.headers.get("x-tideover-request-id"));
    assert.equal(line.outcome, "failed_over");
  });

  worldTest(`${call.name}, on_cut continue: one seamless answer`, { cloud: { behaviour: cutAfterForty }, more: workflow("continue"), prefill: "yes" }, async (world) => {
    const seen = [];
    const read = await call.ask(world, question, { seen });
    assert.equal(read.text, answerOf("cloud", question));
    assert.equal(read.finish, call.finish);
    assert.equal(read.headers.get("x-tideover-tier"), "cloud", "that is how it began");
    assert.equal(world.cloud.requests.length, 1);
    assert.equal(world.ollama.generations.length, 1);
    assert.equal(world.ollama.generations[0].path, "/api/chat");
    const line = await world.daemon.requestLine(read.headers.get("x-tideover-request-id"));
    assert.equal(line.outcome, "failed_over");
    assert.equal(line.reason, "cut");
    assert.equal(line.upstream, "ollama");
  });

  worldTest(`${call.name}, on_cut continue with a model that starts afresh: raises`, { cloud: { behaviour: cutAfterForty }, more: workflow("continue"), prefill: "no" }, async (world) => {
    const seen = [];
    await assert.rejects(call.ask(world, question, { seen }));
    assert.ok(answerOf("cloud", question).startsWith(seen.join("")));
    assert.equal(world.ollama.generations.length, 0);
  });
}
