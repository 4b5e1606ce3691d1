// Ollama as its callers meet it: strict where it is strict, forgetful where it is forgetful, without keys and without TLS.
// Requests are remembered with every header: what must never arrive here is looked for afterwards (world.js).
import { once } from "node:events";
import { createServer } from "node:http";

import { streamType, think, writeAnswer, writeError } from "./ollama_answers.js";
import { isGeneration, readGeneration, Refusal } from "./ollama_requests.js";
import { localModel, nobodyListens, thinkingModel, visionModel } from "./words.js";
import { Journal } from "./within.js";

const installed = {
  [localModel]: { capabilities: ["completion", "tools"], family: "llama", context: 131072 },
  [thinkingModel]: { capabilities: ["completion", "tools", "thinking"], family: "qwen3", context: 40960 },
  [visionModel]: { capabilities: ["completion", "vision", "tools"], family: "qwen25vl", context: 125000 },
  "nomic-embed-text:latest": { capabilities: ["embedding"], family: "nomic-bert", context: 2048 },
};

const details = (model) => ({ format: "gguf", family: model.family, families: [model.family], parameter_size: "8.0B", quantization_level: "Q4_K_M", context_length: model.context });

function item(name, model) {
  return { name, model: name, modified_at: "2026-01-02T03:04:05Z", size: 4_900_000_000, digest: "a".repeat(64), details: details(model), capabilities: model.capabilities };
}

const methods = {
  "/": "GET", "/api/version": "GET", "/api/tags": "GET", "/api/ps": "GET", "/api/status": "GET", "/v1/models": "GET", "/api/show": "POST",
  "/api/embed": "POST",
};

const isLoopback = (host) => /^(localhost|127\.0\.0\.1|\[::1\])?(:\d+)?$/.test(host ?? "");

export class ScriptedOllama {
  behaviour = "well"; // of generations: well, hang, die_early, cut, stall, swallow
  models = installed;
  arrived = new Journal();
  #server;

  /** `behaviour: "refuse"`: nobody listens where its URL points. */
  static async start({ behaviour = "well", models = installed } = {}) {
    const ollama = new ScriptedOllama();
    ollama.behaviour = behaviour;
    ollama.models = models;
    ollama.#server = createServer((request, response) => ollama.#serve(request, response));
    ollama.#server.listen(0, "127.0.0.1");
    await once(ollama.#server, "listening");
    ollama.url = `http://127.0.0.1:${ollama.#server.address().port}`;
    if (behaviour === "refuse") ollama.url = ollama.url.replace("127.0.0.1", nobodyListens);
    return ollama;
  }

  get requests() {
    return this.arrived.entries;
  }

  get generations() {
    // Without a message or a prompt nothing is generated: the model is loaded.
    return this.requests.filter((request) => isGeneration(request.path) && (request.body === undefined || request.body.messages?.length > 0 || request.body.prompt || request.body.input));
  }

  async die() {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming, response) {
    response.on("error", () => {});
    incoming.on("error", () => {});
    const parts = [];
    try {
      for await (const part of incoming) parts.push(part);
    } catch {
      return;
    }
    const { pathname } = new URL(incoming.url, "http://ollama");
    const request = { method: incoming.method, path: pathname, headers: incoming.headers, rawHeaders: incoming.rawHeaders, raw: Buffer.concat(parts).toString(), closed: false };
    response.on("close", () => {
      request.closed = true;
      request.finished = response.writableFinished;
      this.arrived.changed();
    });
    this.arrived.add(request);
    const json = (status, body) => response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
    const text = (status, body) => response.writeHead(status, { "content-type": "text/plain" }).end(body);

    if (!isLoopback(incoming.headers.host) || incoming.headers.origin) return response.writeHead(403).end();
    const method = isGeneration(pathname) ? "POST" : methods[pathname];
    if (!method) return text(404, "404 page not found");
    if (incoming.method !== method && !(method === "GET" && incoming.method === "HEAD")) return text(405, "405 method not allowed");
    if (method === "GET") return pathname === "/" ? text(200, "Ollama is running") : json(200, this.#look(pathname));
    try {
      let body;
      try {
        body = JSON.parse(request.raw); // whatever Content-Encoding says: nothing is unpacked
      } catch {
        throw new Refusal(400, request.raw === "" ? "EOF" : "invalid character in JSON");
      }
      request.body = body;
      if (!isGeneration(pathname)) return json(200, this.#tell(pathname, body));
      const meant = readGeneration(pathname, body, this.models);
      request.meant = meant;
      return await this.#generate(meant, response, json);
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      return json(problem.status, writeError(pathname, problem.status, problem.message));
    }
  }

  #look(path) {
    const list = Object.entries(this.models);
    switch (path) {
      case "/api/version": return { version: "0.33.0" };
      case "/api/status": return { cloud: { disabled: true, source: "env" } };
      case "/api/tags": return { models: list.map(([name, model]) => item(name, model)) };
      case "/api/ps": return { models: list.slice(0, 1).map(([name, model]) => ({ ...item(name, model), size_vram: 4_900_000_000, expires_at: "2318-01-01T00:00:00Z", context_length: 8192 })) };
      default: return { object: "list", data: list.length === 0 ? null : list.map(([id]) => ({ id, object: "model", created: 1_767_300_000, owned_by: "library" })) };
    }
  }

  #tell(path, body) {
    const model = this.models[body.model ?? body.name];
    if (!model) throw new Refusal(404, `model '${body.model ?? body.name}' not found`);
    if (path === "/api/show") return { details: details(model), model_info: { "general.architecture": model.family, [`${model.family}.context_length`]: model.context }, capabilities: model.capabilities, modified_at: "2026-01-02T03:04:05Z" };
    if (path === "/api/embed" && !model.capabilities.includes("embedding")) throw new Refusal(400, `"${body.model}" does not support embeddings`);
    if (path === "/api/embed") return { model: body.model, embeddings: [].concat(body.input).map(() => [0.5, 0.5, -0.5]), prompt_eval_count: 3 };
    throw new Refusal(404, "404 page not found");
  }

  async #generate(meant, response, json) {
    if (this.behaviour === "hang") return;
    if (this.behaviour === "die_early") return response.socket.destroy();
    const { whole, frames, end } = writeAnswer(meant, think(meant));
    const begin = () => response.writeHead(200, { "content-type": streamType(meant.path) });
    if (this.behaviour === "well") {
      if (!meant.stream) return json(200, whole);
      begin();
      for (const frame of [...frames, ...end]) response.write(frame);
      return response.end();
    }
    if (!meant.stream) {
      if (this.behaviour === "stall") return;
      return response.socket.destroy();
    }
    begin();
    // The last frames before the end hold text on every route.
    const some = frames.slice(0, Math.max(1, frames.length - 5)).join("");
    await new Promise((resolve) => response.write(some, resolve));
    if (this.behaviour === "cut") return response.socket.destroy();
    // The runner died: only the native route says so, the others end as if all were well (OL §9).
    if (this.behaviour === "swallow") return response.end(meant.path.startsWith("/api/") ? '{"error":"model runner has unexpectedly stopped"}\n' : "");
  }
}
