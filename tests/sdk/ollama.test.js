// The ollama package pointed at Tideover: /api/* passes to Ollama and to nobody else, without the caller's keys.
import assert from "node:assert/strict";

import { answerOf, localModel, question, system } from "./support/words.js";
import { worldTest } from "./support/world.js";

const messages = [{ role: "system", content: system }, { role: "user", content: question }];

function assertLocalOnly(world) {
  assert.equal(world.cloud.requests.length, 0, "no cloud was asked");
  for (const { headers } of world.responses) {
    assert.equal(headers.get("x-tideover-tier"), "local");
    assert.equal(headers.get("x-tideover-upstream"), "ollama");
    assert.match(headers.get("x-tideover-request-id"), /./);
  }
}

worldTest("ollama chat: the complete answer", {}, async (world) => {
  const answer = await world.native.chat({ model: localModel, messages });
  assert.equal(answer.message.content, answerOf("local", question, system));
  assert.equal(answer.done, true);
  assert.ok(answer.eval_count > 0);
  assertLocalOnly(world);
  assert.equal(world.ollama.generations[0].raw, world.onlyResponse.sent, "byte for byte");
});

worldTest("ollama chat stream: every line, and its end", {}, async (world) => {
  const seen = [];
  let last;
  for await (const part of await world.native.chat({ model: localModel, messages, stream: true })) {
    seen.push(part.message.content);
    last = part;
  }
  assert.equal(seen.join(""), answerOf("local", question, system));
  assert.equal(last.done, true);
  assertLocalOnly(world);
});

worldTest("ollama list, ps, show, version and embed", {}, async (world) => {
  const { models } = await world.native.list();
  assert.ok(models.some((model) => model.name === localModel));
  const running = await world.native.ps();
  assert.equal(running.models[0].name, localModel);
  const shown = await world.native.show({ model: localModel });
  assert.ok(shown.capabilities.includes("tools"));
  assert.deepEqual(await world.native.version(), { version: "0.33.0" });
  const { embeddings } = await world.native.embed({ model: "nomic-embed-text:latest", input: ["ebb", "flow"] });
  assert.deepEqual(embeddings, [[0.5, 0.5, -0.5], [0.5, 0.5, -0.5]]);
  assertLocalOnly(world);
});

worldTest("ollama chat: a model that is not installed is Ollama's own 404", {}, async (world) => {
  await assert.rejects(world.native.chat({ model: "gpt-4o", messages }), (problem) => {
    assert.equal(problem.status_code, 404);
    assert.match(problem.message, /model 'gpt-4o' not found/);
    return true;
  });
  // In Ollama's words, but Tideover's answer: the server was asked about the model and not given the prompt.
  assert.equal(world.cloud.requests.length, 0, "no cloud was asked");
  const [{ headers }] = world.responses;
  assert.equal(headers.get("x-tideover-tier"), "none");
  assert.equal(headers.get("x-tideover-error"), "model_not_found");
});

for (const behaviour of ["cut", "swallow"])
  worldTest(`ollama chat stream: raises when Ollama dies in mid-stream (${behaviour})`, { ollama: { behaviour } }, async (world) => {
    const seen = [];
    await assert.rejects(async () => {
      for await (const part of await world.native.chat({ model: localModel, messages, stream: true })) seen.push(part.message.content);
    });
    assert.notEqual(seen.join(""), answerOf("local", question, system));
    assert.notEqual(seen.join(""), "");
  });

worldTest("ollama chat: Ollama away is told in Ollama's shape, and no cloud is asked", { ollama: { behaviour: "refuse" } }, async (world) => {
  await assert.rejects(world.native.chat({ model: localModel, messages }), (problem) => {
    assert.equal(problem.status_code, 503);
    assert.equal(typeof problem.error, "string");
    return true;
  });
  assert.equal(world.onlyResponse.headers.get("x-tideover-error"), "local_unavailable");
  assert.equal(world.cloud.requests.length, 0);
});

worldTest("ollama pull, create, copy and delete are refused", {}, async (world) => {
  const { native } = world;
  const attempts = [
    () => native.pull({ model: localModel }),
    () => native.create({ model: "mine", from: localModel }),
    () => native.copy({ source: localModel, destination: "mine" }),
    () => native.delete({ model: localModel }),
  ];
  for (const attempt of attempts) await assert.rejects(attempt(), (problem) => problem.status_code === 403);
  assert.deepEqual(world.responses.map(({ headers }) => headers.get("x-tideover-error")), Array(4).fill("forbidden_path"));
  for (const word of ["pull", "create", "copy", "delete"])
    assert.ok(world.ollama.requests.every(({ path }) => path !== `/api/${word}`), `${word} reached Ollama`);
});
