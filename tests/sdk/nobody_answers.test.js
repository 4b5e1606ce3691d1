// When both tiers are away the SDK raises its own error class with a code that says what to do, and asks only once.
import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

import { calls } from "./support/sdk_calls.js";
import { canaries, cloudModel, question } from "./support/words.js";
import { worldTest } from "./support/world.js";

const codeOf = (problem) => (problem instanceof OpenAI.APIError ? problem.code : problem.error.error.details?.error_code);

function assertOurError(problem, call, { status, code }) {
  const sdk = call.upstream === "anthropic" ? Anthropic : OpenAI;
  assert.ok(problem instanceof sdk.APIError, `${problem.constructor.name}: ${problem.message}`);
  assert.equal(problem.status, status);
  assert.equal(codeOf(problem), code);
  for (const secret of Object.values(canaries)) assert.ok(!JSON.stringify([problem.message, problem.error]).includes(secret));
}

/** The error that a call ends with. */
async function errorOf(asking) {
  let value;
  try {
    value = await asking;
  } catch (problem) {
    return problem;
  }
  throw new assert.AssertionError({ message: `this should have raised, but it gave ${JSON.stringify(value)}` });
}

async function assertAskedOnce(world, { tier, reason, error, outcome = "failed" }) {
  const { headers } = world.onlyResponse;
  assert.equal(headers.get("x-should-retry"), "false");
  assert.equal(headers.get("x-tideover-tier"), tier);
  assert.equal(headers.get("x-tideover-failover"), reason);
  assert.equal(headers.get("x-tideover-error"), error);
  const line = await world.daemon.requestLine(headers.get("x-tideover-request-id"));
  assert.equal(line.outcome, outcome);
  assert.equal(line.reason, reason ?? "");
  assert.equal(world.daemon.requestLines.length, 1, "the SDK asked once");
  return headers;
}

for (const call of calls) {
  worldTest(`${call.name}: both tiers refuse connections`, { cloud: { behaviour: "refuse" }, ollama: { behaviour: "refuse" } }, async (world) => {
    const problem = await errorOf(call.ask(world, question));
    assertOurError(problem, call, { status: 503, code: "local_unavailable" });
    const headers = await assertAskedOnce(world, { tier: "none", reason: "connect", error: "local_unavailable" });
    assert.match(headers.get("retry-after"), /^\d+$/);
  });

  worldTest(`${call.name}: no model is installed to stand in`, { cloud: { behaviour: "refuse" }, ollama: { models: {} } }, async (world) => {
    const problem = await errorOf(call.ask(world, question));
    assertOurError(problem, call, { status: 503, code: "local_model_missing" });
    await assertAskedOnce(world, { tier: "none", reason: "connect", error: "local_model_missing" });
    assert.equal(world.ollama.generations.length, 0);
  });

  worldTest(`${call.name}: the cloud's own error is told when Ollama is away too`, { cloud: { behaviour: "error_500" }, ollama: { behaviour: "refuse" } }, async (world) => {
    const problem = await errorOf(call.ask(world, question));
    const sdk = call.upstream === "anthropic" ? Anthropic : OpenAI;
    assert.ok(problem instanceof sdk.InternalServerError, problem.constructor.name);
    assert.equal(problem.status, 500);
    assert.match(problem.message, /The server had an error/);
    await assertAskedOnce(world, { tier: "cloud", reason: "server_error", error: "local_unavailable" });
    assert.equal(world.cloud.requests.length, 1);
  });

  worldTest(`${call.name}: Ollama dies before it has said anything`, { cloud: { behaviour: "refuse" }, ollama: { behaviour: "cut" } }, async (world) => {
    if (call.stream) world.ollama.behaviour = "die_early";
    const problem = await errorOf(call.ask(world, question));
    assertOurError(problem, call, { status: 503, code: "local_unavailable" });
    await assertAskedOnce(world, { tier: "none", reason: "connect", error: "local_unavailable" });
  });
}

// Answers of the cloud that no other tier would give differently reach the SDK as they are.
const answers = [
  { cloud: "bad_request", status: 400, kind: "BadRequestError", message: /That field is not for me/ },
  { cloud: "bad_key", status: 401, kind: "AuthenticationError", message: /Incorrect API key/ },
  { cloud: "not_found", status: 404, kind: "NotFoundError", message: /does not exist/ },
];

for (const { cloud, status, kind, message } of answers)
  for (const call of calls)
    worldTest(`${call.name}: the cloud's ${status} is an answer`, { cloud: { behaviour: cloud } }, async (world) => {
      const problem = await errorOf(call.ask(world, question));
      const sdk = call.upstream === "anthropic" ? Anthropic : OpenAI;
      assert.ok(problem instanceof sdk[kind], problem.constructor.name);
      assert.equal(problem.status, status);
      assert.match(problem.message, message);
      const { headers } = world.onlyResponse;
      assert.equal(headers.get("x-tideover-tier"), "cloud");
      assert.equal(headers.get("x-tideover-failover"), null);
      assert.equal(world.ollama.generations.length, 0, "Ollama was not asked");
    });

worldTest("a request that refers to state at the cloud is not answered by a model that cannot see it", { cloud: { behaviour: "error_503" } }, async (world) => {
  const asking = world.openai.responses.create({ model: cloudModel, input: question, previous_response_id: "resp_of_yesterday" });
  const problem = await errorOf(asking);
  assert.ok(problem instanceof OpenAI.APIError);
  assert.equal(problem.status, 503);
  assert.equal(problem.code, "not_replayable");
  assert.equal(problem.param, "previous_response_id");
  await assertAskedOnce(world, { tier: "none", reason: "server_error", error: "not_replayable" });
  assert.equal(world.ollama.generations.length, 0);
});

worldTest("embeddings of another model are refused rather than mixed into an index", { cloud: { behaviour: "refuse" } }, async (world) => {
  const problem = await errorOf(world.openai.embeddings.create({ model: "text-embedding-3-small", input: "tide" }));
  assert.ok(problem instanceof OpenAI.APIError);
  assert.equal(problem.status, 503);
  assert.equal(problem.code, "no_same_embedding_model");
  await assertAskedOnce(world, { tier: "none", reason: "connect", error: "no_same_embedding_model" });
  assert.ok(world.ollama.requests.every((request) => !request.path.includes("embed")), "Ollama was not asked for vectors");
});

worldTest("embeddings of a healthy cloud pass", {}, async (world) => {
  const { data, response } = await world.openai.embeddings.create({ model: "text-embedding-3-small", input: "tide" }).withResponse();
  assert.deepEqual(data.data[0].embedding, [0.25, -0.5, 0.75]);
  assert.equal(response.headers.get("x-tideover-tier"), "cloud");
});
