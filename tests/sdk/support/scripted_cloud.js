// A cloud over HTTPS whose health is set by the test: `cloud.behaviour = "error_500"`. It speaks OpenAI's and Anthropic's
// routes (cloud_answers.js) and remembers connections and requests. It never asks who is calling.
import { once } from "node:events";
import { createServer } from "node:https";

import { trusted } from "./certificate.js";
import { cloudError, emptyAnswer, errorEvent, healthyAnswer, speaksAnthropic, writeEvent } from "./cloud_answers.js";
import { Journal } from "./within.js";
import { nobodyListens } from "./words.js";

function sendJson(response, status, body, headers = {}) {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers });
  response.end(text);
}

function beginStream(response) {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
}

/** Resolves when the bytes are with the kernel, so that a cut comes behind them. */
const written = (response, text) => new Promise((resolve) => response.write(text, resolve));

const wantsStream = (request) => request.body?.stream === true;

/** Everything up to and with the n-th usable event. */
function upTo(answer, usable) {
  return answer.events.slice(0, answer.silent + usable).map(writeEvent).join("");
}

function fail(status, type, code, message, headers) {
  return ({ request, response }) => sendJson(response, status, cloudError(request, type, code, message), headers);
}

async function afterSomeContent(exchange, then) {
  const { response, answer } = exchange;
  beginStream(response);
  await written(response, upTo(answer, 3));
  await then(exchange);
}

const behaviours = {
  well({ request, response, answer }) {
    if (!answer) return sendJson(response, 404, cloudError(request, "invalid_request_error", null, "unknown route"));
    const known = { "x-request-id": "req_of_the_cloud", "request-id": "req_of_the_cloud" };
    if (!wantsStream(request)) return sendJson(response, 200, answer.whole, known);
    beginStream(response);
    // In uneven pieces: events arrive cut anywhere, also inside a character.
    const bytes = Buffer.from(answer.events.map(writeEvent).join(""));
    for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 7 + 3) % 97 + 1)
      response.write(bytes.subarray(at, at + step));
    return response.end();
  },

  // Failures that are told by a status.
  error_500: fail(500, "server_error", null, "The server had an error while processing your request"),
  error_503: fail(503, "service_unavailable_error", "server_is_overloaded", "Overloaded"),
  rate_limited: fail(429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached", { "retry-after": "30" }),
  no_quota({ request, response }) {
    const [type, code] = speaksAnthropic(request) ? ["rate_limit_error", "enforced_spend_limit_reached"] : ["insufficient_quota", "insufficient_quota"];
    sendJson(response, 429, cloudError(request, type, code, "You exceeded your current quota"));
  },
  redirect: ({ response }) => response.writeHead(302, { location: "https://127.0.0.1:9/elsewhere" }).end(),

  // Answers, not failures: another tier would say the same.
  bad_request: fail(400, "invalid_request_error", "bad_field", "That field is not for me"),
  bad_key: fail(401, "authentication_error", "invalid_api_key", "Incorrect API key provided"),
  not_found: fail(404, "not_found_error", "model_not_found", "The model does not exist"),

  // Failures of the line.
  hang: () => {},
  kill_request: ({ response }) => response.socket.destroy(),
  cut_body({ response, answer, request }) {
    if (wantsStream(request)) return response.socket.destroy();
    const text = JSON.stringify(answer.whole);
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    return response.write(text.slice(0, text.length / 2), () => response.socket.destroy());
  },

  // Answers that are none.
  error_in_200({ request, response }) {
    if (wantsStream(request)) {
      beginStream(response);
      return response.end(writeEvent(errorEvent(request)));
    }
    return sendJson(response, 200, cloudError(request, speaksAnthropic(request) ? "api_error" : "server_error", null, "Internal error"));
  },
  html: ({ response }) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Welcome to the hotel</title>"),
  nothing({ request, response }) {
    response.writeHead(200, { "content-type": wantsStream(request) ? "text/event-stream" : "application/json" }).end();
  },
  says_nothing({ request, response }) {
    const answer = emptyAnswer(request);
    if (!wantsStream(request)) return sendJson(response, 200, answer.whole);
    beginStream(response);
    return response.end(answer.events.map(writeEvent).join(""));
  },

  // Streams only, before the first usable content.
  dies_before_content: async ({ response, answer }) => {
    beginStream(response);
    await written(response, upTo(answer, 0) || ": hello\n\n");
    response.socket.destroy();
  },
  silent_after_head: async ({ response, answer }) => {
    beginStream(response);
    await written(response, upTo(answer, 0) || ": hello\n\n");
  },

  // Streams only, after some content: too late for another tier.
  cut: (exchange) => afterSomeContent(exchange, ({ response }) => response.socket.destroy()),
  stall: (exchange) => afterSomeContent(exchange, () => {}),
  // Complete but for OpenAI's last line.
  forgets_done: ({ response, answer }) => {
    beginStream(response);
    response.end(answer.events.filter((event) => event.data !== "[DONE]").map(writeEvent).join(""));
  },
  ends_early: (exchange) => afterSomeContent(exchange, ({ response }) => response.end()),
  error_late: (exchange) => afterSomeContent(exchange, ({ request, response }) => response.end(writeEvent(errorEvent(request)))),
};

export class ScriptedCloud {
  behaviour = "well";
  connections = 0;
  arrived = new Journal(); // one entry per request: { method, path, query, headers, raw, body, closed }
  #server;
  #sockets = new Set();

  /** Behaviours beside those of requests: "refuse" (nobody listens), "kill_handshake" (closed before TLS is up). */
  static async start({ behaviour = "well", identity = trusted } = {}) {
    const cloud = new ScriptedCloud();
    cloud.behaviour = behaviour;
    cloud.#server = createServer({ key: identity.key, cert: identity.cert }, (request, response) => cloud.#serve(request, response));
    cloud.#server.on("connection", (socket) => cloud.#connected(socket));
    cloud.#server.on("tlsClientError", () => {}); // a caller that does not trust us, or that we cut off
    cloud.#server.listen(0, "127.0.0.1");
    await once(cloud.#server, "listening");
    cloud.url = `https://127.0.0.1:${cloud.#server.address().port}`;
    if (behaviour === "refuse") cloud.url = cloud.url.replace("127.0.0.1", nobodyListens);
    return cloud;
  }

  get requests() {
    return this.arrived.entries;
  }

  /** Nobody listens any more, and every connection is cut. */
  async die() {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #connected(socket) {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    if (this.behaviour === "kill_handshake") socket.destroy();
  }

  async #serve(incoming, response) {
    response.on("error", () => {});
    incoming.on("error", () => {});
    const parts = [];
    try {
      for await (const part of incoming) parts.push(part);
    } catch {
      return; // the caller left while it was speaking
    }
    const { pathname, search } = new URL(incoming.url, "https://cloud");
    const raw = Buffer.concat(parts).toString();
    const request = { method: incoming.method, path: pathname, query: search, headers: incoming.headers, raw, closed: false };
    if (raw !== "") request.body = JSON.parse(raw);
    response.on("close", () => {
      request.closed = true;
      request.finished = response.writableFinished;
      this.arrived.changed();
    });
    const answer = healthyAnswer(request);
    this.arrived.add(request);
    const behave = typeof this.behaviour === "function" ? this.behaviour : behaviours[this.behaviour];
    if (!behave) throw new Error(`no such behaviour: ${this.behaviour}`);
    await behave({ request, response, answer });
  }
}

/** The beginning of a stream that says nothing usable yet, kept open. */
export const silentStart = behaviours.silent_after_head;
