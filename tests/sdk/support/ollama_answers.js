// What Ollama says to a request in normal form (ollama_requests.js), written the way each of its routes writes it,
// with the omissions that clients stumble over (no unique ids, keys left out, no [DONE] on Responses).
import { answerOf, countTokens, pieces } from "./words.js";

/** What it gives a tool that takes text. */
export const patch = '*** Begin Patch\n+print("ebb")\n*** End Patch';

const thoughts = "Hm, the moon pulls on the water, and the earth turns under it; that is the gist. ".repeat(4).trim();

/** The smallest value that a schema allows: what a grammar makes a model say. */
function valueOf(schema) {
  if (schema === "json") return {};
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return valueOf(schema.anyOf[0]);
  switch ([].concat(schema.type)[0]) {
    case "object": return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, valueOf(inner)]));
    case "array": return [valueOf(schema.items ?? {})];
    case "number": case "integer": return 14;
    case "boolean": return true;
    default: return "Husum";
  }
}

/** The thinking, text, tool call and finish reason that the model comes up with. */
export function think(meant) {
  const last = meant.turns.at(-1) ?? { role: "user", text: "" };
  // An unknown role is dropped by the older prompt templates.
  const told = meant.turns.filter((turn) => turn.role === "system").map((turn) => turn.text).join(" ");
  const asked = meant.turns.filter((turn) => turn.role === "user").at(-1)?.text ?? "";
  const said = { thinking: meant.thinks ? thoughts : "", text: "", call: undefined, finish: "stop" };
  const seen = meant.turns.flatMap((turn) => turn.images ?? []);
  if (meant.turns.length === 0) {
    said.finish = "load"; // nothing is to be said: the model is loaded
  } else if (meant.format) {
    said.text = JSON.stringify(valueOf(meant.format));
  } else if (last.role === "assistant") {
    // It goes on with what was begun, as if those words had been its own.
    const whole = answerOf("cloud", asked, told);
    said.echo = last.text; // what was begun is said once more on the native route, and in no count (0.33)
    said.text = whole.startsWith(last.text) ? whole.slice(last.text.length) : answerOf("local", asked, told);
  } else if (last.role === "tool") {
    const call = meant.turns.flatMap((turn) => turn.calls).find((one) => one.id === last.answers);
    said.text = call ? `${call.name}(${JSON.stringify(call.input)}) gave ${last.text}` : `somebody said ${last.text}`;
  } else if (meant.tools.length > 0) {
    const takesText = meant.schemas?.[0]?.properties?.input?.type === "string";
    said.call = { id: "call_tide0001", name: meant.tools[0], input: takesText ? { input: patch } : { place: "Husum" } };
    said.finish = "tool_calls";
  } else {
    said.text = answerOf("local", asked, told) + seen.map((mark) => ` I see ${mark}.`).join("");
  }
  let left = meant.limit ?? Infinity;
  const take = (text) => {
    const some = pieces(text).slice(0, left);
    if (some.length < countTokens(text)) said.finish = "length";
    left -= some.length;
    return some.join("");
  };
  said.thinking = take(said.thinking);
  said.text = take(said.text);
  said.prompt = meant.turns.reduce((sum, turn) => sum + countTokens(turn.text), 0);
  said.tokens = countTokens(said.thinking) + countTokens(said.text) + (said.call ? 1 : 0);
  return said;
}

const sse = (data, name) => `${name ? `event: ${name}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
const seconds = () => Math.floor(Date.now() / 1000);
const openaiUsage = (said) => ({ prompt_tokens: said.prompt, completion_tokens: said.tokens, total_tokens: said.prompt + said.tokens });

function chat(meant, said) {
  const base = { id: "chatcmpl-417", created: seconds(), model: meant.model, system_fingerprint: "fp_ollama" };
  const call = said.call && { id: said.call.id, type: "function", function: { name: said.call.name, arguments: JSON.stringify(said.call.input) } };
  const message = { role: "assistant", content: said.text };
  if (said.thinking) message.reasoning = said.thinking;
  if (call) message.tool_calls = [{ index: 0, ...call }];
  const whole = { ...base, object: "chat.completion", choices: [{ index: 0, message, finish_reason: said.finish }], usage: openaiUsage(said) };
  const chunk = (delta, finish = null) => sse({ ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] });
  const frames = [
    ...pieces(said.thinking).map((reasoning) => chunk({ role: "assistant", content: "", reasoning })),
    ...pieces(said.text).map((content) => chunk({ role: "assistant", content })),
  ];
  if (call) frames.push(chunk({ role: "assistant", content: "", tool_calls: [{ index: 0, ...call }] }));
  const end = [chunk({}, said.finish)];
  if (meant.usage) end.push(sse({ ...base, object: "chat.completion.chunk", choices: [], usage: openaiUsage(said) }));
  return { whole, frames, end: [...end, sse("[DONE]")] };
}

function completions(meant, said) {
  const base = { id: "cmpl-417", object: "text_completion", created: seconds(), model: meant.model, system_fingerprint: "fp_ollama" };
  const zero = meant.usage ? { usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } } : {};
  const chunk = (text, finish = null) => sse({ ...base, choices: [{ text, index: 0, finish_reason: finish }], ...zero });
  const whole = { ...base, choices: [{ text: said.text, index: 0, finish_reason: said.finish }], usage: openaiUsage(said) };
  const end = [chunk("", said.finish)];
  if (meant.usage) end.push(sse({ ...base, choices: [], usage: openaiUsage(said) }));
  return { whole, frames: pieces(said.text).map((text) => chunk(text)), end: [...end, sse("[DONE]")] };
}

function responses(meant, said) {
  const usage = {
    input_tokens: said.prompt, output_tokens: said.tokens, total_tokens: said.prompt + said.tokens,
    input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 },
  };
  const message = { id: "msg_417", type: "message", status: "completed", role: "assistant" };
  const part = (text) => ({ type: "output_text", text, annotations: [], logprobs: [] });
  const call = said.call && { id: "fc_417", type: "function_call", status: "completed", call_id: said.call.id, name: said.call.name, arguments: JSON.stringify(said.call.input) };
  const item = call ?? { ...message, content: [part(said.text)] };
  // `completed` even where the limit was hit: the route cannot say it (OL §6).
  const response = (status, output) => ({
    id: "resp_417", object: "response", created_at: seconds(), status, incomplete_details: null, error: null, model: meant.model, output, store: false,
    tools: [], tool_choice: "auto", parallel_tool_calls: true, text: { format: { type: "text" } }, truncation: "disabled", metadata: {},
    usage: status === "completed" ? usage : null,
  });
  const whole = response("completed", [item]);
  const at = { item_id: item.id, output_index: 0, content_index: 0 };
  let number = 0;
  const event = (data) => sse({ ...data, sequence_number: number++ }, data.type);
  const opening = [{ type: "response.created", response: response("in_progress", []) }, { type: "response.in_progress", response: response("in_progress", []) }];
  if (call) {
    const frames = [...opening, { type: "response.output_item.added", output_index: 0, item: { ...call, status: "in_progress", arguments: "" } },
      { type: "response.function_call_arguments.delta", item_id: call.id, output_index: 0, delta: call.arguments }].map(event);
    const end = [{ type: "response.function_call_arguments.done", item_id: call.id, output_index: 0, arguments: call.arguments },
      { type: "response.output_item.done", output_index: 0, item: call }, { type: "response.completed", response: whole }].map(event);
    return { whole, frames, end };
  }
  const frames = [
    ...opening,
    { type: "response.output_item.added", output_index: 0, item: { ...message, status: "in_progress", content: [] } },
    { type: "response.content_part.added", ...at, part: part("") },
    ...pieces(said.text).map((delta) => ({ type: "response.output_text.delta", ...at, delta, logprobs: [] })),
  ].map(event);
  const end = [
    { type: "response.output_text.done", ...at, text: said.text, logprobs: [] },
    { type: "response.content_part.done", ...at, part: part(said.text) },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: whole },
  ].map(event);
  return { whole, frames, end };
}

function messages(meant, said) {
  const usage = { input_tokens: said.prompt, output_tokens: said.tokens };
  const base = { id: "msg_417", type: "message", role: "assistant", model: meant.model };
  const reason = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use" }[said.finish];
  const blocks = [];
  if (said.thinking) blocks.push({ type: "thinking", thinking: said.thinking });
  if (said.text) blocks.push({ type: "text", text: said.text });
  if (said.call) blocks.push({ type: "tool_use", id: said.call.id, name: said.call.name, input: said.call.input });
  const whole = { ...base, content: blocks.length > 0 ? blocks : null, stop_reason: reason, usage };
  const event = (data) => sse(data, data.type);
  const frames = [event({ type: "message_start", message: { ...base, content: [], usage: { input_tokens: said.prompt, output_tokens: 0 } } })];
  const end = [];
  blocks.forEach((block, index) => {
    const empty = { thinking: { thinking: "" }, text: { text: "" }, tool_use: { input: {} } }[block.type];
    frames.push(event({ type: "content_block_start", index, content_block: { ...block, ...empty } }));
    const deltas = {
      thinking: () => pieces(block.thinking).map((text) => ({ type: "thinking_delta", thinking: text })),
      text: () => pieces(block.text).map((text) => ({ type: "text_delta", text })),
      tool_use: () => [{ type: "input_json_delta", partial_json: JSON.stringify(block.input) }],
    }[block.type]();
    for (const delta of deltas) frames.push(event({ type: "content_block_delta", index, delta }));
    const stop = event({ type: "content_block_stop", index });
    if (index === blocks.length - 1) end.push(stop);
    else frames.push(stop);
  });
  end.push(event({ type: "message_delta", delta: { stop_reason: reason }, usage }), event({ type: "message_stop" }));
  return { whole, frames, end };
}

function nativeChat(meant, said) {
  const base = { model: meant.model, created_at: new Date().toISOString() };
  const calls = said.call && [{ id: said.call.id, function: { index: 0, name: said.call.name, arguments: said.call.input } }];
  const last = {
    done: true, done_reason: ["length", "load"].includes(said.finish) ? said.finish : "stop", total_duration: 5e8, load_duration: 1e6,
    prompt_eval_count: said.prompt, prompt_eval_duration: 1e8, eval_count: said.tokens, eval_duration: 3e8,
  };
  const message = { role: "assistant", content: (said.echo ?? "") + said.text };
  if (said.thinking) message.thinking = said.thinking;
  if (calls) message.tool_calls = calls;
  const line = (data) => `${JSON.stringify(data)}\n`;
  const delta = (fields) => line({ ...base, message: { role: "assistant", content: "", ...fields }, done: false });
  const echoed = said.echo ? [delta({ content: said.echo })] : [];
  const frames = [...pieces(said.thinking).map((thinking) => delta({ thinking })), ...echoed, ...pieces(said.text).map((content) => delta({ content }))];
  if (calls) frames.push(delta({ tool_calls: calls }));
  return { whole: { ...base, message, ...last }, frames, end: [line({ ...base, message: { role: "assistant", content: "" }, ...last })] };
}

function nativeGenerate(meant, said) {
  const { whole, frames, end } = nativeChat(meant, said);
  const rewritten = ({ message, ...rest }) => ({ ...rest, response: message.content, ...(message.thinking ? { thinking: message.thinking } : {}) });
  const line = (text) => `${JSON.stringify(rewritten(JSON.parse(text)))}\n`;
  return { whole: rewritten(whole), frames: frames.map(line), end: end.map(line) };
}

const writers = {
  "/v1/chat/completions": chat,
  "/v1/completions": completions,
  "/v1/responses": responses,
  "/v1/messages": messages,
  "/api/chat": nativeChat,
  "/api/generate": nativeGenerate,
};

/** { whole, frames, end }: the answer; its stream up to the last word; and how the stream ends in order. */
export const writeAnswer = (meant, said) => writers[meant.path](meant, said);

export const streamType = (path) => (path.startsWith("/api/") ? "application/x-ndjson" : "text/event-stream");

const errorType = (status) => ({ 400: "invalid_request_error", 404: "not_found_error" })[status] ?? "api_error";

export function writeError(path, status, message) {
  if (path === "/v1/messages") return { type: "error", error: { type: errorType(status), message }, request_id: "req_417" };
  if (path.startsWith("/v1/")) return { error: { message, type: errorType(status), param: null, code: null } };
  return { error: message };
}
