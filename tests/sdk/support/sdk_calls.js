// The ways in which apps ask: each call of an SDK with how its answer is read. `ask` resolves with
// { text, model, finish, usage, headers } and rejects as the SDK rejects. `seen` collects what a stream said so
// far, `errors` the error events that an SDK does not raise.
import { claudeModel, cloudModel } from "./words.js";

const chatMessages = (asked, told) => [...(told ? [{ role: "developer", content: told }] : []), { role: "user", content: asked }];
const claudeBody = (asked, told) => ({ model: claudeModel, max_tokens: 500, messages: [{ role: "user", content: asked }], ...(told ? { system: told } : {}) });

async function chat({ openai }, asked, { told, options } = {}) {
  const call = openai.chat.completions.create({ model: cloudModel, messages: chatMessages(asked, told) }, options);
  const { data, response } = await call.withResponse();
  const [choice] = data.choices;
  return { text: choice.message.content, model: data.model, finish: choice.finish_reason, usage: data.usage.completion_tokens, headers: response.headers };
}

async function chatStream({ openai }, asked, { told, options, seen = [] } = {}) {
  const body = { model: cloudModel, messages: chatMessages(asked, told), stream: true, stream_options: { include_usage: true } };
  const { data, response } = await openai.chat.completions.create(body, options).withResponse();
  const read = { headers: response.headers };
  for await (const chunk of data) {
    const [choice] = chunk.choices;
    if (choice?.delta.content) seen.push(choice.delta.content);
    if (choice?.finish_reason) read.finish = choice.finish_reason;
    if (chunk.usage) read.usage = chunk.usage.completion_tokens;
    read.model = chunk.model;
  }
  return { ...read, text: seen.join("") };
}

async function chatHelper(world, asked, { told, options, seen = [] } = {}) {
  const stream = world.openai.chat.completions.stream({ model: cloudModel, messages: chatMessages(asked, told), stream_options: { include_usage: true } }, options);
  stream.on("content", (delta) => seen.push(delta));
  const whole = await stream.finalChatCompletion();
  const [choice] = whole.choices;
  return { text: choice.message.content, model: whole.model, finish: choice.finish_reason, usage: whole.usage.completion_tokens, headers: world.responses.at(-1).headers };
}

async function completions({ openai }, asked, { options } = {}) {
  const { data, response } = await openai.completions.create({ model: cloudModel, prompt: asked }, options).withResponse();
  return { text: data.choices[0].text, model: data.model, finish: data.choices[0].finish_reason, usage: data.usage.completion_tokens, headers: response.headers };
}

async function completionsStream({ openai }, asked, { options, seen = [] } = {}) {
  const { data, response } = await openai.completions.create({ model: cloudModel, prompt: asked, stream: true }, options).withResponse();
  const read = { headers: response.headers };
  for await (const chunk of data) {
    const [choice] = chunk.choices;
    if (choice?.text) seen.push(choice.text);
    if (choice?.finish_reason) read.finish = choice.finish_reason;
    read.model = chunk.model;
  }
  return { ...read, text: seen.join("") };
}

async function responses({ openai }, asked, { told, options } = {}) {
  const { data, response } = await openai.responses.create({ model: cloudModel, input: asked, instructions: told }, options).withResponse();
  return { text: data.output_text, model: data.model, finish: data.status, usage: data.usage.output_tokens, headers: response.headers };
}

async function responsesStream({ openai }, asked, { told, options, seen = [], errors = [] } = {}) {
  const call = openai.responses.create({ model: cloudModel, input: asked, instructions: told, stream: true }, options);
  const { data, response } = await call.withResponse();
  const read = { headers: response.headers };
  for await (const event of data) {
    if (event.type === "response.output_text.delta") seen.push(event.delta);
    if (event.type === "error") errors.push(event); // the SDK hands it over like any other event
    if (event.type === "response.completed") Object.assign(read, { model: event.response.model, finish: event.response.status, usage: event.response.usage.output_tokens });
  }
  return { ...read, text: seen.join("") };
}

async function responsesHelper(world, asked, { told, options, seen = [] } = {}) {
  const stream = world.openai.responses.stream({ model: cloudModel, input: asked, instructions: told }, options);
  stream.on("response.output_text.delta", (event) => seen.push(event.delta));
  const whole = await stream.finalResponse();
  const text = whole.output.flatMap((item) => item.content ?? []).map((part) => part.text).join("");
  return { text, model: whole.model, finish: whole.status, usage: whole.usage.output_tokens, headers: world.responses.at(-1).headers };
}

const textOf = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");

async function messages({ anthropic }, asked, { told, options } = {}) {
  const { data, response } = await anthropic.messages.create(claudeBody(asked, told), options).withResponse();
  return { text: textOf(data), model: data.model, finish: data.stop_reason, usage: data.usage.output_tokens, headers: response.headers };
}

async function messagesStream({ anthropic }, asked, { told, options, seen = [] } = {}) {
  const { data, response } = await anthropic.messages.create({ ...claudeBody(asked, told), stream: true }, options).withResponse();
  const read = { headers: response.headers };
  for await (const event of data) {
    if (event.type === "message_start") read.model = event.message.model;
    if (event.type === "content_block_delta" && event.delta.type === "text_delta") seen.push(event.delta.text);
    if (event.type === "message_delta") Object.assign(read, { finish: event.delta.stop_reason, usage: event.usage.output_tokens });
  }
  return { ...read, text: seen.join("") };
}

async function messagesHelper({ anthropic }, asked, { told, options, seen = [] } = {}) {
  const stream = anthropic.messages.stream(claudeBody(asked, told), options);
  stream.on("text", (delta) => seen.push(delta));
  const [message, { response }] = await Promise.all([stream.finalMessage(), stream.withResponse()]);
  return { text: textOf(message), model: message.model, finish: message.stop_reason, usage: message.usage.output_tokens, headers: response.headers };
}

const call = (name, ask, more) => ({ name, ask, stream: false, upstream: "openai", finish: "stop", takesInstructions: true, hasUsage: true, ...more });

export const calls = [
  call("openai chat.completions.create", chat),
  call("openai chat.completions.create stream", chatStream, { stream: true }),
  call("openai chat.completions.stream", chatHelper, { stream: true, helper: true }),
  call("openai completions.create", completions, { takesInstructions: false }),
  call("openai completions.create stream", completionsStream, { stream: true, takesInstructions: false, hasUsage: false }),
  call("openai responses.create", responses, { finish: "completed" }),
  call("openai responses.create stream", responsesStream, { stream: true, finish: "completed" }),
  call("openai responses.stream", responsesHelper, { stream: true, finish: "completed", helper: true }),
  call("anthropic messages.create", messages, { upstream: "anthropic", finish: "end_turn" }),
  call("anthropic messages.create stream", messagesStream, { upstream: "anthropic", stream: true, finish: "end_turn" }),
  call("anthropic messages.stream", messagesHelper, { upstream: "anthropic", stream: true, finish: "end_turn", helper: true }),
];

export const callNamed = (name) => calls.find((one) => one.name === name);
