// What a healthy cloud says on each of its routes, as JSON and as events, in the words of OpenAI and Anthropic.
// Not the server: it knows no sockets and no faults.
import { answerOf, countTokens, pieces } from "./words.js";

let count = 0;
const fresh = (prefix) => `${prefix}${Date.now().toString(36)}${(++count).toString(36).padStart(4, "0")}`;
const seconds = () => Math.floor(Date.now() / 1000);

const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? part.content ?? "").join("");

/** What was asked for, whichever route it came by: { asked, instructed, tool, result }. */
function understand(path, body) {
  if (path === "/v1/completions") return { asked: body.prompt, instructed: "" };
  let turns = body.messages;
  let instructed = textOf(body.system);
  if (path === "/v1/responses") {
    turns = typeof body.input === "string" ? [{ role: "user", content: body.input }] : body.input;
    instructed = body.instructions ?? "";
  }
  instructed ||= turns.filter((turn) => ["system", "developer"].includes(turn.role)).map((turn) => textOf(turn.content)).join("");
  const asked = textOf(turns.filter((turn) => turn.role === "user" && textOf(turn.content) !== "").pop()?.content);
  return { asked, instructed };
}

const chatUsage = (asked, text) => {
  const used = { prompt_tokens: countTokens(asked), completion_tokens: countTokens(text) };
  return { ...used, total_tokens: used.prompt_tokens + used.completion_tokens };
};
const tokenUsage = (asked, text) => ({ input_tokens: countTokens(asked), output_tokens: countTokens(text) });

function chat(body, { asked }, text) {
  const base = { id: fresh("chatcmpl-"), created: seconds(), model: body.model, system_fingerprint: "fp_cloud" };
  const chunk = (delta, finish = null) => ({
    data: { ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] },
  });
  const events = [
    chunk({ role: "assistant", content: "", refusal: null }),
    ...pieces(text).map((content) => chunk({ content })),
    chunk({}, "stop"),
  ];
  if (body.stream_options?.include_usage)
    events.push({ data: { ...base, object: "chat.completion.chunk", choices: [], usage: chatUsage(asked, text) } });
  events.push({ data: "[DONE]" });
  const message = { role: "assistant", content: text, refusal: null, annotations: [] };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  return { whole: { ...base, object: "chat.completion", choices, usage: chatUsage(asked, text) }, events, silent: 1 };
}

function completions(body, { asked }, text) {
  const base = { id: fresh("cmpl-"), object: "text_completion", created: seconds(), model: body.model };
  const choice = (said, finish) => ({ ...base, choices: [{ index: 0, text: said, logprobs: null, finish_reason: finish }] });
  const events = [
    ...pieces(text).map((said) => ({ data: choice(said, null) })),
    { data: choice("", "stop") },
    { data: "[DONE]" },
  ];
  return { whole: { ...choice(text, "stop"), usage: chatUsage(asked, text) }, events, silent: 0 };
}

function responses(body, { asked }, text) {
  const item = { id: fresh("msg_"), type: "message", role: "assistant" };
  const part = (said) => ({ type: "output_text", text: said, annotations: [], logprobs: [] });
  const response = (status, output, usage) => ({
    id, object: "response", created_at: created, status, error: null, incomplete_details: null, instructions: null,
    max_output_tokens: null, model: body.model, output, parallel_tool_calls: true, previous_response_id: null,
    store: true, temperature: 1, text: { format: { type: "text" } }, tool_choice: "auto", tools: [], top_p: 1,
    truncation: "disabled", usage, metadata: {},
  });
  const id = fresh("resp_");
  const created = seconds();
  const used = tokenUsage(asked, text);
  const usage = {
    ...used, total_tokens: used.input_tokens + used.output_tokens,
    input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 },
  };
  const done = { ...item, status: "completed", content: [part(text)] };
  const whole = response("completed", [done], usage);
  const at = { item_id: item.id, output_index: 0, content_index: 0 };
  const sequence = [
    { type: "response.created", response: response("in_progress", [], null) },
    { type: "response.in_progress", response: response("in_progress", [], null) },
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
    { type: "response.content_part.added", ...at, part: part("") },
    ...pieces(text).map((delta) => ({ type: "response.output_text.delta", ...at, delta, logprobs: [] })),
    { type: "response.output_text.done", ...at, text, logprobs: [] },
    { type: "response.content_part.done", ...at, part: part(text) },
    { type: "response.output_item.done", output_index: 0, item: done },
    { type: "response.completed", response: whole },
  ];
  const events = sequence.map((data, number) => ({ name: data.type, data: { ...data, sequence_number: number } }));
  return { whole, events, silent: 4 };
}

function messages(body, { asked }, text) {
  const used = tokenUsage(asked, text);
  const base = { id: fresh("msg_"), type: "message", role: "assistant", model: body.model };
  const whole = { ...base, content: [{ type: "text", text }], stop_reason: "end_turn", stop_sequence: null, usage: used };
  const start = { ...base, content: [], stop_reason: null, stop_sequence: null, usage: { ...used, output_tokens: 1 } };
  const events = [
    { type: "message_start", message: start },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "ping" },
    ...pieces(text).map((said) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: said } })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: used.output_tokens } },
    { type: "message_stop" },
  ].map((data) => ({ name: data.type, data }));
  return { whole, events, silent: 3 };
}

const generations = {
  "/v1/chat/completions": chat,
  "/v1/completions": completions,
  "/v1/responses": responses,
  "/v1/messages": messages,
};

const openaiModel = (id) => ({ id, object: "model", created: 1_750_000_000, owned_by: "openai" });
const claude = (id) => ({ type: "model", id, display_name: id, created_at: "2025-09-29T00:00:00Z" });
const claudes = ["claude-sonnet-4-5", "claude-haiku-4-5"].map(claude);

export const speaksAnthropic = (request) => request.path.startsWith("/v1/messages") || "anthropic-version" in request.headers;

/** { whole, events, silent }: the answer, its stream, and how many events come before the first usable one. */
export function healthyAnswer(request) {
  const { path, body } = request;
  if (path === "/v1/models" && speaksAnthropic(request))
    return { whole: { data: claudes, has_more: false, first_id: claudes[0].id, last_id: claudes[1].id } };
  if (path === "/v1/models") return { whole: { object: "list", data: ["gpt-4o", "gpt-4o-mini", "o3"].map(openaiModel) } };
  if (path === "/v1/messages/count_tokens") return { whole: { input_tokens: 4321 } };
  if (path === "/v1/embeddings") {
    const vector = Buffer.from(new Float32Array([0.25, -0.5, 0.75]).buffer).toString("base64");
    const embedding = body.encoding_format === "base64" ? vector : [0.25, -0.5, 0.75];
    const usage = { prompt_tokens: 3, total_tokens: 3 };
    return { whole: { object: "list", data: [{ object: "embedding", index: 0, embedding }], model: body.model, usage } };
  }
  const make = generations[path];
  if (!make) return undefined;
  const meant = understand(path, body);
  return make(body, meant, answerOf("cloud", meant.asked, meant.instructed));
}

/** The same in perfect form, and without a word. */
export function emptyAnswer(request) {
  return generations[request.path](request.body, { asked: "" }, "");
}

/** An error as the cloud of this request's dialect writes it. */
export function cloudError(request, type, code, message) {
  if (speaksAnthropic(request))
    return { type: "error", error: { type, message, details: code ? { error_code: code } : null }, request_id: fresh("req_") };
  return { error: { message, type, param: null, code } };
}

/** The event that tells of an error in this request's stream. */
export function errorEvent(request) {
  const message = "The server had an error while processing your request";
  if (request.path === "/v1/messages")
    return { name: "error", data: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } } };
  if (request.path === "/v1/responses")
    return { name: "error", data: { type: "error", code: "server_error", message, param: null, sequence_number: 2 } };
  return { data: { error: { message, type: "server_error", param: null, code: null } } };
}

export function writeEvent({ name, data }) {
  return `${name ? `event: ${name}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}
