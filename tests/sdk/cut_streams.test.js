// A stream that dies after content was sent cannot be saved: the SDK must raise, and nobody may take a part for the whole.
import assert from "node:assert/strict";

import { calls } from "./support/sdk_calls.js";
import { answerOf, question } from "./support/words.js";
import { worldTest } from "./support/world.js";

const streams = calls.filter((call) => call.stream);

/** The code in what an SDK raises. OpenAI's helper for Responses raises the error event itself, which is no Error. */
const codeOf = (problem) => problem.error?.error?.details?.error_code ?? problem.code;

async function raisesInMidStream(world, call, who, code) {
  const seen = [];
  const errors = [];
  await assert.rejects(call.ask(world, question, { seen, errors }), (problem) => {
    assert.ok(problem instanceof Error || (call.name === "openai responses.stream" && problem.type === "error"), String(problem));
    if (code && world.onlyResponse.status === 200) assert.equal(codeOf(errors[0] ?? problem), code);
    return true;
  });
  const said = seen.join("");
  const whole = answerOf(who, question);
  if (who === "local" && world.onlyResponse.status !== 200) {
    // The end came in one piece with the beginning: nothing had been said, and the error is a plain one.
    assert.equal(said, "");
    return world.daemon.requestLine(world.onlyResponse.headers.get("x-tideover-request-id"));
  }
  assert.notEqual(said, "", "something had been said");
  assert.ok(whole.startsWith(said), `no part of anything else: ${said}`);
  assert.ok(said.length < whole.length, "it was cut");
  const { status, headers } = world.onlyResponse;
  assert.equal(status, 200);
  const line = await world.daemon.requestLine(headers.get("x-tideover-request-id"));
  assert.equal(line.outcome, "cut");
  assert.equal(headers.get("x-tideover-tier"), who);
  assert.equal(world.daemon.requestLines.length, 1, "the SDK asked once");
  return line;
}

const ours = "upstream_ended_early";

const rows = [
  { cloud: "cut", title: "cuts the connection", code: ours },
  { cloud: "stall", title: "falls silent", code: ours, timeouts: "{connect: 10s, first_content: 30s, response: 30s, idle: 500ms}" },
  { cloud: "ends_early", title: "ends in good order but without its terminator", code: ours },
  { cloud: "error_late", title: "sends an error event" },
];

for (const { cloud, title, timeouts, code } of rows)
  for (const call of streams)
    worldTest(`${call.name}: raises when the cloud ${title} after some content`, { cloud: { behaviour: cloud }, timeouts }, async (world) => {
      const line = await raisesInMidStream(world, call, "cloud", code);
      assert.equal(line.tier, "cloud");
      assert.equal(world.ollama.generations.length, 0, "Ollama was not asked");
    });

// Ollama's compatible routes end without a sound when the model's process dies.
const localRows = [
  { ollama: "cut", title: "cuts the connection" },
  { ollama: "swallow", title: "swallows an error" },
];

for (const { ollama, title } of localRows)
  for (const call of streams)
    worldTest(`${call.name}: raises when Ollama stands in and ${title} after some content`, { cloud: { behaviour: "error_500" }, ollama: { behaviour: ollama } }, async (world) => {
      const line = await raisesInMidStream(world, call, "local", ours);
      if (world.onlyResponse.status === 200) assert.equal(line.tier, "local");
      assert.equal(world.ollama.generations.length, 1);
    });

for (const call of streams.filter((one) => one.name.includes("completions")))
  worldTest(`${call.name}: a cloud that only forgets [DONE] has answered`, { cloud: { behaviour: "forgets_done" } }, async (world) => {
    const read = await call.ask(world, question);
    assert.equal(read.text, answerOf("cloud", question));
    assert.equal((await world.daemon.requestLine(read.headers.get("x-tideover-request-id"))).outcome, "answered");
  });
