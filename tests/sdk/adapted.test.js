// What a cloud takes and Ollama does not must be put right on the way, so that the SDK's next step works too: tools, limits,
// roles, reasoning, lists, counts.
import assert from "node:assert/strict";

import { expectLocal } from "./support/expect.js";
import { patch } from "./support/ollama_answers.js";
import { answerOf, claudeModel, cloudModel, countTokens, localModel, pieces, question, system, thinkingModel } from "./support/words.js";
import { worldTest } from "./support/world.js";

const away = { cloud: { behaviour: "error_503" } };
const schema = { type: "object", properties: { place: { type: "string" } }, required: ["place"] };
const result = "high water at 14:07";
const afterTool = `tide_table({"place":"Husum"}) gave ${result}`;

worldTest("openai chat: a tool is called and its result is read, round trip", away, async (world) => {
  const tools = [{ type: "function", function: { name: "tide_table", description: "Times of high water", parameters: schema, strict: true } }];
  const messages = [{ role: "developer", content: system }, { role: "user", content: question }];
  const ask = () => world.openai.chat.completions.create({ model: cloudModel, messages, tools, tool_choice: "auto", parallel_tool_calls: false });
  const [first] = (await ask()).choices;
  assert.equal(first.finish_reason, "tool_calls");
  const [call] = first.message.tool_calls;
  assert.equal(call.type, "function");
  assert.equal(call.function.name, "tide_table");
  assert.deepEqual(JSON.parse(call.function.arguments), { place: "Husum" });
  // As apps do it: the SDK's own message goes back as it came, and the result as text parts.
  messages.push(first.message, { role: "tool", tool_call_id: call.id, content: [{ type: "text", text: result }] });
  const [second] = (await ask()).choices;
  assert.equal(second.message.content, afterTool);
  assert.equal(second.finish_reason, "stop");
  assert.equal(world.ollama.generations.length, 2);
  assert.equal(world.responses.length, 2, "nothing was asked twice");
});

worldTest("openai chat: tools in a stream, put together by the helper", away, async (world) => {
  const tools = [{ type: "function", function: { name: "tide_table", parameters: schema } }];
  const stream = world.openai.chat.completions.stream({ model: cloudModel, messages: [{ role: "user", content: question }], tools });
  const { choices } = await stream.finalChatCompletion();
  assert.equal(choices[0].finish_reason, "tool_calls");
  assert.deepEqual(JSON.parse(choices[0].message.tool_calls[0].function.arguments), { place: "Husum" });
});

worldTest("openai chat: runTools goes all the way without a cloud", away, async (world) => {
  const asked = [];
  const tide = { name: "tide_table", description: "Times of high water", parameters: schema, parse: JSON.parse, function: (given) => (asked.push(given), result) };
  const runner = world.openai.chat.completions.runTools({ model: cloudModel, messages: [{ role: "user", content: question }], tools: [{ type: "function", function: tide }] });
  assert.equal(await runner.finalContent(), afterTool);
  assert.deepEqual(asked, [{ place: "Husum" }]);
});

worldTest("openai responses: a function is called and its output is read, round trip", away, async (world) => {
  const tools = [{ type: "function", name: "tide_table", description: "Times of high water", parameters: schema, strict: true }];
  const input = [{ role: "user", content: [{ type: "input_text", text: question }] }];
  const first = await world.openai.responses.create({ model: cloudModel, input, tools, store: false });
  const call = first.output.find((item) => item.type === "function_call");
  assert.deepEqual(JSON.parse(call.arguments), { place: "Husum" });
  input.push(...first.output, { type: "function_call_output", call_id: call.call_id, output: result });
  const second = await world.openai.responses.create({ model: cloudModel, input, tools, store: false });
  assert.equal(second.output_text, afterTool);
});

const applyPatch = { type: "custom", name: "apply_patch", description: "Edits files", format: { type: "grammar", syntax: "lark", definition: 'start: "*** Begin Patch" rest' } };

worldTest("openai responses: a custom tool is given its text and its output is read, round trip", away, async (world) => {
  const input = [{ role: "user", content: [{ type: "input_text", text: question }] }];
  const first = await world.openai.responses.create({ model: cloudModel, input, tools: [applyPatch], store: false });
  const call = first.output.find((item) => item.type === "custom_tool_call");
  assert.deepEqual([call.name, call.input, call.status], ["apply_patch", patch, "completed"]);
  input.push(...first.output, { type: "custom_tool_call_output", call_id: call.call_id, output: result });
  const second = await world.openai.responses.create({ model: cloudModel, input, tools: [applyPatch], store: false });
  assert.equal(second.output_text, `apply_patch(${JSON.stringify({ input: patch })}) gave ${result}`);
});

worldTest("openai responses: a custom tool in a stream", away, async (world) => {
  let text = "", done, item;
  for await (const event of await world.openai.responses.create({ model: cloudModel, input: question, tools: [applyPatch], stream: true })) {
    if (event.type === "response.custom_tool_call_input.delta") text += event.delta;
    if (event.type === "response.custom_tool_call_input.done") done = event;
    if (event.type === "response.output_item.done") ({ item } = event);
  }
  assert.equal(text, patch);
  assert.deepEqual([done.input, done.item_id], [patch, item.id]);
  assert.deepEqual([item.type, item.input], ["custom_tool_call", patch]);
});

worldTest("anthropic: a tool is used and its result is read, round trip", away, async (world) => {
  const tools = [{ name: "tide_table", description: "Times of high water", input_schema: schema }];
  const messages = [{ role: "user", content: question }];
  const ask = () => world.anthropic.messages.create({ model: claudeModel, max_tokens: 500, system: [{ type: "text", text: system }], messages, tools });
  const first = await ask();
  assert.equal(first.stop_reason, "tool_use");
  const use = first.content.find((block) => block.type === "tool_use");
  assert.deepEqual(use.input, { place: "Husum" });
  const block = { type: "tool_result", tool_use_id: use.id, content: [{ type: "text", text: result }] };
  messages.push({ role: "assistant", content: first.content }, { role: "user", content: [block] });
  const second = await ask();
  assert.equal(second.content[0].text, afterTool);
  assert.equal(second.stop_reason, "end_turn");
});

worldTest("anthropic: a tool in a stream, put together by the helper", away, async (world) => {
  const tools = [{ name: "tide_table", input_schema: schema }];
  const stream = world.anthropic.messages.stream({ model: claudeModel, max_tokens: 500, messages: [{ role: "user", content: question }], tools });
  const message = await stream.finalMessage();
  assert.equal(message.stop_reason, "tool_use");
  assert.deepEqual(message.content.find((block) => block.type === "tool_use").input, { place: "Husum" });
});

worldTest("openai chat: max_completion_tokens limits the local model too", away, async (world) => {
  const body = { model: cloudModel, messages: [{ role: "user", content: question }], max_completion_tokens: 3 };
  const { data, response } = await world.openai.chat.completions.create(body).withResponse();
  assert.equal(data.choices[0].message.content, pieces(answerOf("local", question)).slice(0, 3).join(""));
  assert.equal(data.choices[0].finish_reason, "length");
  await expectLocal(world, response.headers, "server_error");
});

worldTest("openai chat: reasoning_effort does not fail on a model that does not think", away, async (world) => {
  const body = { model: cloudModel, messages: [{ role: "user", content: question }], reasoning_effort: "high" };
  const { data, response } = await world.openai.chat.completions.create(body).withResponse();
  assert.equal(data.choices[0].message.content, answerOf("local", question));
  await expectLocal(world, response.headers, "server_error");
});

worldTest("openai responses: reasoning does not fail on a model that does not think", away, async (world) => {
  const body = { model: cloudModel, input: question, reasoning: { effort: "medium" } };
  const { data, response } = await world.openai.responses.create(body).withResponse();
  assert.equal(data.output_text, answerOf("local", question));
  await expectLocal(world, response.headers, "server_error");
});

worldTest("openai chat: a thinking model does not spend a small budget on thoughts that nobody asked for", away, async (world) => {
  const budget = countTokens(answerOf("local", question));
  const body = { model: "o3-mini", messages: [{ role: "user", content: question }], max_completion_tokens: budget };
  const { data, response } = await world.openai.chat.completions.create(body).withResponse();
  assert.equal(data.choices[0].message.content, answerOf("local", question));
  assert.equal(data.choices[0].finish_reason, "stop");
  await expectLocal(world, response.headers, "server_error", { model: thinkingModel });
});

worldTest("openai chat: an assistant turn without content and text in parts are no obstacle", away, async (world) => {
  const messages = [
    { role: "system", content: [{ type: "text", text: system }] },
    { role: "user", content: "Hello" },
    { role: "assistant", content: null, refusal: "No." },
    { role: "user", content: [{ type: "text", text: question }] },
  ];
  const { choices } = await world.openai.chat.completions.create({ model: cloudModel, messages });
  assert.equal(choices[0].message.content, answerOf("local", question, system));
});

worldTest("openai chat: a tool choice that cannot be kept locally is refused, not ignored", away, async (world) => {
  const body = {
    model: cloudModel,
    messages: [{ role: "user", content: question }],
    tools: [{ type: "function", function: { name: "tide_table", parameters: schema } }, { type: "function", function: { name: "moon_phase", parameters: schema } }],
    tool_choice: { type: "function", function: { name: "moon_phase" } },
  };
  try {
    const { choices } = await world.openai.chat.completions.create(body);
    // Emulated: then it is the tool that was asked for.
    assert.equal(choices[0].message.tool_calls[0].function.name, "moon_phase");
  } catch (problem) {
    if (problem instanceof assert.AssertionError) throw problem;
    assert.equal(problem.headers?.get("x-tideover-error"), "tool_choice_unmet", String(problem));
  }
});

worldTest("openai models.list: the cloud's own list", {}, async (world) => {
  const { data, response } = await world.openai.models.list().withResponse();
  assert.deepEqual(data.data.map((model) => model.id), ["gpt-4o", "gpt-4o-mini", "o3"]);
  assert.equal(response.headers.get("x-tideover-tier"), "cloud");
  assert.equal(world.cloud.requests[0].path, "/v1/models");
});

worldTest("openai models.list: the local list when the cloud is away", away, async (world) => {
  const { data, response } = await world.openai.models.list().withResponse();
  const names = data.data.map((model) => model.id);
  assert.ok(names.includes(localModel) && names.includes(thinkingModel), names.join());
  assert.ok(data.data.every((model) => model.object === "model"));
  assert.equal(response.headers.get("x-tideover-tier"), "local");
  assert.equal(response.headers.get("x-tideover-failover"), "server_error");
});

worldTest("openai models.retrieve: the cloud's answer, or the local model's when the cloud is away", away, async (world) => {
  const { data, response } = await world.openai.models.retrieve(localModel).withResponse();
  assert.equal(data.id, localModel);
  assert.equal(data.object, "model");
  assert.equal(response.headers.get("x-tideover-tier"), "local");
});

worldTest("anthropic models.list: the cloud's own list in Anthropic's shape", {}, async (world) => {
  const { data, response } = await world.anthropic.models.list().withResponse();
  assert.deepEqual(data.data.map((model) => model.id), ["claude-sonnet-4-5", "claude-haiku-4-5"]);
  assert.equal(response.headers.get("x-tideover-upstream"), "anthropic");
});

worldTest("anthropic models.list: the local list in Anthropic's shape when the cloud is away", away, async (world) => {
  const { data, response } = await world.anthropic.models.list().withResponse();
  const local = data.data.find((model) => model.id === localModel);
  assert.equal(local.type, "model");
  assert.equal(typeof local.display_name, "string");
  assert.equal(response.headers.get("x-tideover-tier"), "local");
});

const counted = { model: claudeModel, messages: [{ role: "user", content: question }], system };

worldTest("anthropic countTokens: the cloud's count", {}, async (world) => {
  const { data, response } = await world.anthropic.messages.countTokens(counted).withResponse();
  assert.deepEqual(data, { input_tokens: 4321 });
  assert.equal(response.headers.get("x-tideover-tier"), "cloud");
  assert.equal(response.headers.get("x-tideover-estimate"), null);
});

for (const behaviour of ["error_503", "refuse", "html"])
  worldTest(`anthropic countTokens: an estimate, marked as one, when the cloud is away (${behaviour})`, { cloud: { behaviour } }, async (world) => {
    const { data, response } = await world.anthropic.messages.countTokens(counted).withResponse();
    assert.ok(data.input_tokens >= 5 && data.input_tokens <= 100, String(data.input_tokens));
    assert.equal(response.headers.get("x-tideover-estimate"), "true");
    assert.equal(world.responses.length, 1);
    assert.equal(world.ollama.generations.length, 0);
  });
