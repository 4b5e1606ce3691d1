// What Ollama makes of a request on each of its routes: refuses what it refuses, forgets what it forgets, and keeps one
// normal form: { model, turns, tools, think, limit, stream, usage }. Not the server, not the answers.

import { createHash } from "node:crypto";

import { countTokens } from "./words.js";

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const refuse = (message) => {
  throw new Refusal(400, message);
};

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function parsedArguments(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    refuse("invalid tool call arguments");
  }
  return isObject(value) ? value : refuse("invalid tool call arguments");
}

function checkImage(url) {
  if (/^https?:/.test(url)) refuse("image URLs are not currently supported, please use base64 encoded data instead");
  if (!/^data:image\/(jpeg|jpg|png|webp);base64,/.test(url ?? "")) refuse("invalid image input");
}

/** Thinking as asked for on OpenAI's routes: undefined leaves it to the model. */
function effort(value) {
  if (value === undefined || value === null) return undefined;
  if (value === "none") return false;
  return ["minimal", "low", "medium", "high", "xhigh", "ultra", "max"].includes(value) ? value : refuse(`invalid reasoning value: '${value}'`);
}

/** A message whose content is a list becomes one message per part; a tool message then forgets which call it answers. */
function chatTurns(message) {
  const role = String(message.role).toLowerCase();
  const calls = (message.tool_calls ?? []).map((call) => ({
    id: call.id, name: call.function.name, input: parsedArguments(call.function.arguments),
  }));
  const { content } = message;
  if (typeof content === "string") return [{ role, text: content, calls, answers: message.tool_call_id }];
  if (Array.isArray(content))
    return content.map((part) => {
      if (part.type === "text") return { role, text: part.text, calls: [] };
      if (part.type !== "image_url") refuse("invalid message format");
      checkImage(typeof part.image_url === "string" ? part.image_url : part.image_url?.url);
      return { role, text: "", calls: [], image: true };
    });
  if (message.tool_calls === undefined) refuse("invalid message content type: <nil>");
  return [{ role, text: "", calls }];
}

function chat(body) {
  if (!Array.isArray(body.messages) || body.messages.length === 0) refuse("[] is too short - 'messages'");
  if (body.top_logprobs < 0 || body.top_logprobs > 20) refuse("top_logprobs must be between 0 and 20");
  return {
    turns: body.messages.flatMap(chatTurns),
    tools: (body.tools ?? []).map((tool) => tool.function.name),
    think: effort(body.reasoning_effort ?? body.reasoning?.effort),
    limit: body.max_tokens, // max_completion_tokens is not looked at
    stream: body.stream === true,
    usage: body.stream_options?.include_usage === true,
  };
}

function completions(body) {
  if (typeof body.prompt !== "string") refuse("json: cannot unmarshal array into Go struct field CompletionRequest.prompt of type string");
  return {
    turns: [{ role: "user", text: body.prompt, calls: [] }],
    tools: [],
    limit: body.max_tokens,
    stream: body.stream === true,
    usage: body.stream_options?.include_usage === true,
  };
}

function responseTurn(item) {
  const type = item.type ?? (item.role ? "message" : "");
  if (type === "function_call")
    return { role: "assistant", text: "", calls: [{ id: item.call_id, name: item.name, input: parsedArguments(item.arguments) }] };
  if (type === "function_call_output") return { role: "tool", text: String(item.output), calls: [], answers: item.call_id };
  // The cloud's ciphertext would be read as the model's own thoughts.
  if (type === "reasoning") return { role: "assistant", text: item.encrypted_content ?? "", calls: [] };
  if (type === "web_search_call") return { role: "assistant", text: "", calls: [] };
  if (type !== "message") refuse(`unknown input item type: ${type}`);
  const text = typeof item.content === "string" ? item.content : item.content.map((part) => {
    if (!["input_text", "output_text", "input_image"].includes(part.type)) refuse(`unknown content type: ${part.type}`);
    if (part.type === "input_image") checkImage(part.image_url);
    return part.text ?? "";
  }).join("");
  return { role: item.role.toLowerCase(), text, calls: [] };
}

function responses(body) {
  const turns = typeof body.input === "string" ? [{ role: "user", text: body.input, calls: [] }] : (body.input ?? []).map(responseTurn);
  if (body.instructions) turns.unshift({ role: "system", text: body.instructions, calls: [] });
  return {
    turns,
    tools: (body.tools ?? []).filter((tool) => tool.type === "function").map((tool) => tool.name),
    think: effort(body.reasoning?.effort),
    limit: body.max_output_tokens,
    stream: body.stream === true,
    usage: true,
  };
}

function messageTurns(message) {
  const role = String(message.role).toLowerCase();
  if (typeof message.content === "string") return [{ role, text: message.content, calls: [] }];
  const turn = { role, text: "", calls: [] };
  const results = [];
  for (const block of message.content) {
    if (block.type === "text") turn.text += block.text;
    if (block.type === "image") {
      if (block.source?.type !== "base64") refuse("invalid image source type: " + block.source?.type);
      turn.image = true;
    }
    if (block.type === "tool_use") {
      if (!block.id || !block.name) refuse("tool_use block missing required fields");
      turn.calls.push({ id: block.id, name: block.name, input: block.input });
    }
    if (block.type === "tool_result") {
      const text = typeof block.content === "string" ? block.content : (block.content ?? []).map((part) => part.text ?? "").join("");
      results.push({ role: "tool", text, calls: [], answers: block.tool_use_id });
    }
    // Every other block is dropped without a word.
  }
  return turn.text === "" && turn.calls.length === 0 && !turn.image && results.length > 0 ? results : [...results, turn];
}

function messages(body) {
  if (!(body.max_tokens > 0)) refuse("max_tokens is required and must be positive");
  if (!Array.isArray(body.messages) || body.messages.length === 0) refuse("messages is required");
  const turns = body.messages.flatMap(messageTurns);
  const told = Array.isArray(body.system) ? body.system.map((block) => block.text).join("") : body.system;
  if (told) turns.unshift({ role: "system", text: told, calls: [] });
  const think = { enabled: true, disabled: false }[body.thinking?.type] ?? body.output_config?.effort;
  return { turns, tools: (body.tools ?? []).map((tool) => tool.name), think, relaxed: true, limit: body.max_tokens, stream: body.stream === true, usage: true };
}

export const defaultWindow = 8192;

/** What a picture is known by afterwards: a hash of its bytes. Go reads base64 strictly. */
export const pictureMark = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 12);
function pictures(images) {
  if (images === undefined || images === null) return [];
  if (!Array.isArray(images)) refuse("json: cannot unmarshal into Go struct field .images of type []api.ImageData");
  return images.map((image) => {
    const bytes = Buffer.from(String(image), "base64");
    if (typeof image !== "string" || bytes.toString("base64") !== image) refuse("illegal base64 data at input byte 4");
    return pictureMark(bytes);
  });
}

/** The options and switches that both native routes share; wrong types are refused as Go refuses them. */
function nativeSwitches(body) {
  const { options = {}, think, format, truncate } = body;
  if (!isObject(options)) refuse("json: cannot unmarshal into Go struct field .options of type map[string]interface {}");
  const numbers = ["num_ctx", "num_predict", "temperature", "top_p", "top_k", "min_p", "seed", "repeat_penalty", "presence_penalty", "frequency_penalty"];
  for (const name of numbers) if (options[name] !== undefined && typeof options[name] !== "number") refuse(`option "${name}" must be of type number`);
  if (options.stop !== undefined && !(Array.isArray(options.stop) && options.stop.every((one) => typeof one === "string"))) refuse('option "stop" must be of type array of strings');
  if (![undefined, true, false, "low", "medium", "high", "max"].includes(think ?? undefined)) refuse(`invalid think value: "${think}" (must be "high", "medium", "low", "max", true, or false)`);
  if (format !== undefined && format !== "" && format !== "json" && !isObject(format)) refuse('invalid format; expected "json" or a valid JSON Schema object');
  return {
    think: think ?? undefined,
    format: format || undefined,
    limit: options.num_predict > 0 ? options.num_predict : undefined,
    window: options.num_ctx ?? defaultWindow,
    truncates: truncate !== false,
    stream: body.stream !== false,
    usage: true,
  };
}

/** Whole old messages are dropped without a word, or the prompt is refused (OL §10). */
function fit(meant) {
  const size = () => meant.turns.reduce((sum, turn) => sum + countTokens(turn.text), 0);
  if (!meant.window || size() < meant.window) return;
  if (!meant.truncates)
    refuse(JSON.stringify({ error: { code: 400, type: "exceed_context_size_error", message: "the request exceeds the available context size", n_prompt_tokens: size(), n_ctx: meant.window } }));
  meant.dropped = 0;
  while (size() >= meant.window) {
    const oldest = meant.turns.findIndex((turn, at) => turn.role !== "system" && at < meant.turns.length - 1);
    if (oldest < 0) break;
    meant.turns.splice(oldest, 1);
    meant.dropped += 1;
  }
}

function nativeGenerate(body) {
  if (body.prompt !== undefined && typeof body.prompt !== "string") refuse("json: cannot unmarshal into Go struct field GenerateRequest.prompt of type string");
  const images = pictures(body.images);
  const turns = body.prompt ? [{ role: "user", text: body.prompt, calls: [], images, image: images.length > 0 }] : [];
  if (body.system) turns.unshift({ role: "system", text: body.system, calls: [] });
  return { ...nativeSwitches(body), turns, tools: [] };
}

function nativeChat(body) {
  if (body.messages !== undefined && !Array.isArray(body.messages)) refuse("json: cannot unmarshal into Go struct field ChatRequest.messages of type []api.Message");
  const turns = (body.messages ?? []).map((message) => {
    if (message.content !== undefined && message.content !== null && typeof message.content !== "string")
      refuse("json: cannot unmarshal array into Go struct field ChatRequest.messages of type string");
    const calls = (message.tool_calls ?? []).map((call) => {
      if (!isObject(call.function?.arguments)) refuse("json: cannot unmarshal string into Go struct field ToolCallFunction.arguments");
      return { id: call.id, name: call.function.name, input: call.function.arguments };
    });
    const images = pictures(message.images);
    return { role: String(message.role).toLowerCase(), text: message.content ?? "", calls, answers: message.tool_call_id, images, image: images.length > 0 };
  });
  const offered = (body.tools ?? []).map((tool) => tool.function);
  return { ...nativeSwitches(body), turns, tools: offered.map(({ name }) => name), schemas: offered.map(({ parameters }) => parameters) };
}

const readers = {
  "/v1/chat/completions": chat,
  "/v1/completions": completions,
  "/v1/responses": responses,
  "/v1/messages": messages,
  "/api/chat": nativeChat,
  "/api/generate": nativeGenerate,
};

export const isGeneration = (path) => path in readers;

/** The normal form, or a Refusal. `models` maps installed names to their capabilities. */
export function readGeneration(path, body, models) {
  if (!isObject(body)) refuse("json: cannot unmarshal into Go value");
  const meant = readers[path](body);
  if (!body.model) refuse("model is required");
  const name = Object.keys(models).find((known) => known.toLowerCase() === String(body.model).toLowerCase());
  if (!name) throw new Refusal(404, `model '${body.model}' not found`);
  const can = models[name].capabilities;
  if (!can.includes("completion")) refuse(`"${body.model}" does not support chat`);
  if (meant.tools.length > 0 && !can.includes("tools")) refuse(`${name} does not support tools`);
  if (meant.turns.some((turn) => turn.image) && !can.includes("vision")) throw new Refusal(500, "image input is not supported");
  if (meant.think && !can.includes("thinking")) {
    if (!meant.relaxed) refuse(`"${body.model}" does not support thinking`);
    meant.think = false;
  }
  fit(meant);
  // On by default for a model that can: a small budget is then spent before the first word.
  meant.thinks = can.includes("thinking") && meant.think !== false;
  return { ...meant, model: body.model, path };
}
