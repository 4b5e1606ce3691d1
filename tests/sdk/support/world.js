// One test's world: a scripted cloud, a scripted Ollama, the daemon between them, and SDK clients that know only the
// daemon. When the test is over the daemon must end with 0 and must have kept the caller's secrets to itself.
import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { Ollama } from "ollama";
import OpenAI from "openai";

import { trusted } from "./certificate.js";
import { Daemon } from "./daemon.js";
import { ScriptedCloud } from "./scripted_cloud.js";
import { ScriptedOllama } from "./scripted_ollama.js";
import { canaries, localModel, thinkingModel } from "./words.js";

// What Ollama must never be told (product contract §8).
const forbiddenAtLocal = /^(authorization|x-api-key|api-key|cookie|origin|referer|forwarded|(openai|anthropic|x-stainless|x-forwarded|sec|x-tideover)-.*)$/i;

export const patient = "{connect: 10s, first_content: 30s, response: 30s, idle: 30s}";
export const hasty = "{connect: 10s, first_content: 500ms, response: 500ms, idle: 500ms}";

// Never opens: these tests ask what an SDK makes of one failure, again and again.
const neverOpens = "{failures_to_open: 1000000, failure_ratio: 1, min_requests: 1000000}";

function configuration(cloud, ollama, { timeouts = patient, prefill = "auto", more = "" }) {
  const cloudly = (dialect) =>
    `{tier: cloud, dialect: ${dialect}, url: "${cloud.url}", tls: {ca_file: "${trusted.file}"}, timeouts: ${timeouts}, breaker: ${neverOpens}}`;
  return `
listen: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0"}
upstreams:
  openai: ${cloudly("openai")}
  anthropic: ${cloudly("anthropic")}
  ollama: {tier: local, dialect: ollama, url: "${ollama.url}", timeouts: {connect: 5s, first_content: 30s, response: 30s, idle: 30s}, queue: {limit: 200}}
models:
  - {cloud: "o3*", local: "${thinkingModel}"}
  - {cloud: "*", local: "${localModel}", prefill: "${prefill}"}
${more}
`;
}

export class World {
  responses = []; // every HTTP response an SDK got: { status, headers, sent }

  static async start({ cloud = {}, ollama = {}, environment, ...settings } = {}) {
    const world = new World();
    world.ollama = await ScriptedOllama.start(ollama);
    world.cloud = await ScriptedCloud.start(cloud);
    try {
      world.daemon = await Daemon.start({ yaml: configuration(world.cloud, world.ollama, settings), environment });
    } catch (problem) {
      await world.cloud.die();
      await world.ollama.die();
      throw problem;
    }
    const watched = (resource, init) => world.#fetch(resource, init);
    const { openaiKey, organization, project, anthropicKey, bearer } = canaries;
    const prefix = settings.prefix ?? "";
    // Default retries and timeouts: what an app gets when it changes nothing but the base URL.
    world.openai = new OpenAI({ baseURL: `${world.daemon.url}${prefix}/v1`, apiKey: openaiKey, organization, project, fetch: watched });
    world.anthropic = new Anthropic({ baseURL: `${world.daemon.url}${prefix}`, apiKey: anthropicKey, authToken: null, fetch: watched });
    world.native = new Ollama({ host: world.daemon.url, headers: { Authorization: `Bearer ${bearer}` }, fetch: watched });
    return world;
  }

  async #fetch(resource, init) {
    const response = await fetch(resource, init);
    this.responses.push({ status: response.status, headers: response.headers, sent: init?.body });
    return response;
  }

  /** The one response that the SDK got: it asked once. */
  get onlyResponse() {
    assert.equal(this.responses.length, 1, "the SDK asked once");
    return this.responses[0];
  }

  assertNoSecretWasTold() {
    for (const secret of Object.values(canaries)) {
      assert.ok(!this.daemon.output.includes(secret), `the log holds ${secret}`);
      for (const request of this.ollama.requests) {
        const all = JSON.stringify([request.rawHeaders, request.raw]);
        assert.ok(!all.includes(secret), `${request.path} of Ollama was told ${secret}`);
      }
    }
    for (const request of this.ollama.requests)
      for (const name of Object.keys(request.headers))
        assert.doesNotMatch(name, forbiddenAtLocal, `${request.path} of Ollama got a field of the caller`);
  }

  async close() {
    const code = await this.daemon.stop().finally(async () => {
      await this.cloud.die();
      await this.ollama.die();
    });
    assert.equal(code, 0, `the daemon's exit code; it said:\n${this.daemon.output}`);
  }
}

/** A test in a world of its own. */
export function worldTest(name, settings, body) {
  test(name, { timeout: 60_000 }, async () => {
    const world = await World.start(settings);
    try {
      await body(world);
      world.assertNoSecretWasTold();
    } catch (problem) {
      await world.close().catch(() => {}); // the first problem is the one to show
      problem.message += `\nthe daemon said:\n${world.daemon.output.slice(-4000)}`;
      throw problem;
    }
    await world.close();
  });
}
