// One conversation for each client, as an app has it, with the cloud gone from the first word to the last: every answer
// is right and complete, and Ollama was asked what was meant. Ollama here is as strict, as forgetful and as forgiving as
// the real one (support/ollama_requests.js).
import assert from "node:assert/strict";

import { pictureMark } from "./support/ollama_requests.js";
import { answerOf, claudeModel, cloudModel, countTokens, localModel, question, system, visionModel } from "./support/words.js";
import { worldTest } from "./support/world.js";

const gone = { cloud: { behaviour: "refuse" } };

// One white pixel.
const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsLq+yQAAAABJRU5ErkJggg==", "base64");
const pixel = png.toString("base64");
const parameters = { type: "object", properties: { place: { type: "string" } }, required: ["place"], additionalProperties: false };
const result = "high water at 14:07";
const afterTool = `tide_table({"place":"Husum"}) gave ${result}`;
const tide = {
  type: "object",
  properties: { place: { type: "string" }, hour: { type: "integer" }, rising: { type: "boolean" } },
  required: ["place", "hour", "rising"],
  additionalProperties: false,
};
const tideSaid = { place: "Husum", hour: 14, rising: true };
const aboutPicture = "What is on this picture?";
const seen = `${answerOf("local", aboutPicture)} I see ${pictureMark(png)}.`;

/** What Ollama made of the n-th request. */
const meant = (world, n) => world.ollama.generations[n].meant;

function assertLocalThroughout(world, steps) {
  assert.equal(world.responses.length, steps, "no SDK asked twice");
  assert.equal(world.ollama.generations.length, steps, "and Ollama was asked once for each");
  assert.ok(world.responses.every(({ status, headers }) => status === 200 && headers.get("x-tideover-tier") === "local" && headers.get("x-tideover-failover") === "connect"));
  assert.ok(world.ollama.generations.every(({ path, meant }) => path === "/api/chat" && meant.dropped === undefined && !meant.truncates), "nothing may be cut in silence");
  const models = world.responses.map(({ headers }) => headers.get("x-tideover-model"));
  assert.deepEqual(models, world.ollama.generations.map(({ meant }) => meant.model), "the header tells who answered");
}

const assertUnique = (ids) => assert.equal(new Set(ids).size, ids.length, `ids are unique: ${ids.join()}`);

worldTest("openai: a conversation with tools, a schema, a picture and a stream", gone, async (world) => {
  const { completions } = world.openai.chat;
  const messages = [{ role: "developer", content: system }, { role: "user", content: question }];
  const answers = [];
  const ask = async (more) => {
    const answer = await completions.create({ model: cloudModel, messages, ...more });
    answers.push(answer);
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.choices.length, 1);
    assert.ok(Math.abs(Date.now() / 1000 - answer.created) < 600);
    const { usage } = answer;
    assert.equal(usage.prompt_tokens + usage.completion_tokens, usage.total_tokens);
    return answer.choices[0];
  };

  const first = await ask({});
  assert.equal(first.message.content, answerOf("local", question, system));
  assert.equal(first.message.role, "assistant");
  assert.equal(first.finish_reason, "stop");
  assert.equal(answers[0].usage.completion_tokens, countTokens(first.message.content));
  assert.equal(answers[0].usage.prompt_tokens, countTokens(system) + countTokens(question));
  assert.deepEqual(meant(world, 0).turns.map(({ role, text }) => [role, text]), [["system", system], ["user", question]]);

  messages.push(first.message, { role: "user", content: "When is high water?" });
  const tools = [{ type: "function", function: { name: "tide_table", description: "Times of high water", parameters, strict: true } }];
  const second = await ask({ tools });
  assert.equal(second.finish_reason, "tool_calls");
  assert.equal(second.message.content, null);
  const [call] = second.message.tool_calls;
  assert.deepEqual([call.type, call.function.name, JSON.parse(call.function.arguments)], ["function", "tide_table", { place: "Husum" }]);
  assert.deepEqual(meant(world, 1).tools, ["tide_table"]);

  messages.push(second.message, { role: "tool", tool_call_id: call.id, content: [{ type: "text", text: result }] });
  const third = await ask({ tools });
  assert.equal(third.message.content, afterTool);
  const [before, answered] = meant(world, 2).turns.slice(-2);
  assert.deepEqual(before.calls.map(({ name, input }) => [name, input]), [["tide_table", { place: "Husum" }]]);
  assert.equal(answered.answers, before.calls[0].id, "the result finds its call");

  messages.push(third.message, { role: "user", content: "Again, as JSON." });
  const fourth = await ask({ response_format: { type: "json_schema", json_schema: { name: "tide", strict: true, schema: tide } } });
  assert.deepEqual(JSON.parse(fourth.message.content), tideSaid);
  assert.deepEqual(Object.keys(meant(world, 3).format.properties), ["place", "hour", "rising"]);

  messages.splice(0, messages.length, { role: "user", content: [{ type: "text", text: aboutPicture }, { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}`, detail: "low" } }] });
  const fifth = await ask({ max_completion_tokens: 200 });
  assert.equal(fifth.message.content, seen);
  assert.equal(answers[4].model, visionModel);
  assert.equal(meant(world, 4).limit, 200);

  messages.push(fifth.message, { role: "user", content: question });
  let text = "", usage, finish;
  const ids = new Set();
  for await (const chunk of await completions.create({ model: cloudModel, messages: messages.slice(-1), stream: true, stream_options: { include_usage: true } })) {
    ids.add(chunk.id);
    text += chunk.choices[0]?.delta.content ?? "";
    finish ??= chunk.choices[0]?.finish_reason;
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, answerOf("local", question));
  assert.equal(finish, "stop");
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [countTokens(question), countTokens(text)]);
  assert.equal(ids.size, 1, "one id for the whole stream");
  assertUnique([...answers.map(({ id }) => id), ...ids]);
  assertLocalThroughout(world, 6);
});

worldTest("openai responses: a conversation with a function, a schema, a picture and a stream", gone, async (world) => {
  const answers = [];
  const ask = async (body) => {
    const answer = await world.openai.responses.create({ model: cloudModel, store: false, ...body });
    answers.push(answer);
    assert.equal(answer.status, "completed");
    assert.equal(answer.usage.input_tokens + answer.usage.output_tokens, answer.usage.total_tokens);
    return answer;
  };
  const input = [{ role: "user", content: [{ type: "input_text", text: question }] }];
  const first = await ask({ input, instructions: system });
  assert.equal(first.output_text, answerOf("local", question, system));
  assert.equal(first.usage.output_tokens, countTokens(first.output_text));

  const tools = [{ type: "function", name: "tide_table", description: "Times of high water", parameters, strict: true }];
  input.push(...first.output, { role: "user", content: "When is high water?" });
  const second = await ask({ input, tools });
  const call = second.output.find(({ type }) => type === "function_call");
  assert.deepEqual([call.name, JSON.parse(call.arguments), call.status], ["tide_table", { place: "Husum" }, "completed"]);

  input.push(...second.output, { type: "function_call_output", call_id: call.call_id, output: result });
  const third = await ask({ input, tools });
  assert.equal(third.output_text, afterTool);

  const fourth = await ask({ input: "As JSON.", text: { format: { type: "json_schema", name: "tide", strict: true, schema: tide } } });
  assert.deepEqual(JSON.parse(fourth.output_text), tideSaid);

  const picture = { type: "input_image", image_url: `data:image/png;base64,${pixel}`, detail: "auto" };
  const fifth = await ask({ input: [{ role: "user", content: [{ type: "input_text", text: aboutPicture }, picture] }], max_output_tokens: 200 });
  assert.equal(fifth.output_text, seen);
  assert.equal(fifth.model, visionModel);
  assert.equal(meant(world, 4).limit, 200);

  const kinds = [], numbers = [];
  let text = "", completed;
  for await (const event of await world.openai.responses.create({ model: cloudModel, input: question, stream: true })) {
    kinds.push(event.type);
    numbers.push(event.sequence_number);
    if (event.type === "response.output_text.delta") text += event.delta;
    if (event.type === "response.completed") completed = event.response;
  }
  assert.equal(text, answerOf("local", question));
  assert.deepEqual([kinds[0], kinds.at(-1)], ["response.created", "response.completed"]);
  assert.deepEqual(numbers, numbers.map((_, at) => at), "numbered without a gap");
  assert.equal(completed.output[0].content[0].text, text);
  assert.deepEqual([completed.usage.input_tokens, completed.usage.output_tokens], [countTokens(question), countTokens(text)]);
  assertUnique([...answers.map(({ id }) => id), completed.id]);
  assertUnique([...answers, completed].flatMap(({ output }) => output.map(({ id }) => id)));
  assertLocalThroughout(world, 6);
});

worldTest("anthropic: a conversation with tools, a picture and a stream", gone, async (world) => {
  const answers = [];
  const ask = async (body) => {
    const answer = await world.anthropic.messages.create({ model: claudeModel, max_tokens: 500, ...body });
    answers.push(answer);
    assert.deepEqual([answer.type, answer.role], ["message", "assistant"]);
    return answer;
  };
  const messages = [{ role: "user", content: question }];
  const first = await ask({ messages, system: [{ type: "text", text: system, cache_control: { type: "ephemeral" } }], stop_sequences: ["\n\nHuman:"] });
  assert.deepEqual(first.content.map(({ type, text }) => [type, text]), [["text", answerOf("local", question, system)]]);
  assert.equal(first.stop_reason, "end_turn");
  assert.deepEqual([first.usage.input_tokens, first.usage.output_tokens], [countTokens(system) + countTokens(question), countTokens(first.content[0].text)]);
  assert.deepEqual(world.ollama.generations[0].body.options.stop, ["\n\nHuman:"]);
  assert.equal(meant(world, 0).limit, 500);

  const tools = [{ name: "tide_table", description: "Times of high water", input_schema: parameters }];
  messages.push({ role: "assistant", content: first.content }, { role: "user", content: "When is high water?" });
  const second = await ask({ messages, tools, tool_choice: { type: "any" } });
  assert.equal(second.stop_reason, "tool_use");
  const use = second.content.find(({ type }) => type === "tool_use");
  assert.deepEqual([use.name, use.input], ["tide_table", { place: "Husum" }]);

  const told = { type: "tool_result", tool_use_id: use.id, content: [{ type: "text", text: result }] };
  messages.push({ role: "assistant", content: second.content }, { role: "user", content: [told] });
  const third = await ask({ messages, tools });
  assert.equal(third.content[0].text, afterTool);
  assert.equal(third.stop_reason, "end_turn");

  const picture = { type: "image", source: { type: "base64", media_type: "image/png", data: pixel } };
  const fourth = await ask({ messages: [{ role: "user", content: [picture, { type: "text", text: aboutPicture }] }] });
  assert.equal(fourth.content[0].text, seen);
  assert.equal(fourth.model, visionModel);

  const stream = world.anthropic.messages.stream({ model: claudeModel, max_tokens: 500, messages: [{ role: "user", content: question }] });
  const kinds = [];
  stream.on("streamEvent", ({ type }) => kinds.push(type));
  const streamed = await stream.finalMessage();
  assert.equal(streamed.content[0].text, answerOf("local", question));
  assert.equal(streamed.stop_reason, "end_turn");
  assert.deepEqual([streamed.usage.input_tokens, streamed.usage.output_tokens], [countTokens(question), countTokens(streamed.content[0].text)]);
  assert.deepEqual([kinds[0], ...kinds.slice(-2)], ["message_start", "message_delta", "message_stop"]);
  assertUnique([...answers, streamed].map(({ id }) => id));
  assertLocalThroughout(world, 5);
});

worldTest("ollama: a conversation with tools, a picture, vectors and looks around, and nothing else", gone, async (world) => {
  const { native } = world;
  const messages = [{ role: "system", content: system }, { role: "user", content: question }];
  const first = await native.chat({ model: localModel, messages });
  assert.equal(first.message.content, answerOf("local", question, system));
  assert.deepEqual([first.done, first.done_reason, first.eval_count], [true, "stop", countTokens(first.message.content)]);

  const tools = [{ type: "function", function: { name: "tide_table", description: "Times of high water", parameters } }];
  const second = await native.chat({ model: localModel, messages, tools });
  const [call] = second.message.tool_calls;
  assert.deepEqual([call.function.name, call.function.arguments], ["tide_table", { place: "Husum" }]);
  messages.push(second.message, { role: "tool", tool_call_id: call.id, tool_name: "tide_table", content: result });
  const third = await native.chat({ model: localModel, messages, tools });
  assert.equal(third.message.content, afterTool);

  const fourth = await native.chat({ model: visionModel, messages: [{ role: "user", content: aboutPicture, images: [new Uint8Array(png)] }] });
  assert.equal(fourth.message.content, seen);
  const fifth = await native.chat({ model: localModel, messages: [{ role: "user", content: question }], format: tide, options: { num_ctx: 4096 } });
  assert.deepEqual(JSON.parse(fifth.message.content), tideSaid);
  assert.equal(meant(world, 4).window, 4096, "what the caller sets is the caller's");

  let text = "", last;
  for await (const part of await native.chat({ model: localModel, messages: messages.slice(0, 2), stream: true })) {
    text += part.message.content;
    last = part;
  }
  assert.equal(text, answerOf("local", question, system));
  assert.deepEqual([last.done, last.eval_count], [true, countTokens(text)]);

  const generated = await native.generate({ model: localModel, prompt: question, system });
  assert.equal(generated.response, answerOf("local", question, system));
  text = "";
  for await (const part of await native.generate({ model: visionModel, prompt: aboutPicture, images: [new Uint8Array(png)], stream: true })) text += part.response;
  assert.equal(text, seen);

  const { embeddings } = await native.embed({ model: "nomic-embed-text:latest", input: ["ebb", "flow"] });
  assert.deepEqual(embeddings, [[0.5, 0.5, -0.5], [0.5, 0.5, -0.5]]);
  assert.ok((await native.list()).models.some(({ name }) => name === visionModel));
  assert.ok((await native.show({ model: visionModel })).capabilities.includes("vision"));
  assert.equal((await native.ps()).models[0].name, localModel);
  assert.deepEqual(await native.version(), { version: "0.33.0" });
  await assert.rejects(native.pull({ model: localModel }), ({ status_code }) => status_code === 403);

  const looked = world.responses.slice(0, -1);
  assert.ok(looked.every(({ status, headers }) => status === 200 && headers.get("x-tideover-tier") === "local"));
  const asked = world.responses.filter(({ sent }) => sent !== undefined).map(({ sent }) => sent);
  for (const { raw } of world.ollama.generations) assert.ok(asked.includes(raw), "byte for byte");
  assert.ok(world.ollama.requests.every(({ path }) => path !== "/api/pull"));
  assert.equal(world.cloud.connections ?? 0, 0);
});
