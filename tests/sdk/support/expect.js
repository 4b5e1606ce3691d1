// What every answer must be, whoever made it.
import assert from "node:assert/strict";

import { localModel } from "./words.js";

const mark = (headers, name) => headers.get(`x-tideover-${name}`);

/** The cloud answered, and nobody else was asked. */
export async function expectCloud(world, headers, upstream) {
  assert.equal(mark(headers, "tier"), "cloud");
  assert.equal(mark(headers, "upstream"), upstream);
  assert.equal(mark(headers, "failover"), null);
  assert.equal(world.cloud.requests.length, 1, "the cloud was asked once");
  assert.equal(world.ollama.generations.length, 0, "Ollama was not asked");
  const line = await world.daemon.requestLine(mark(headers, "request-id"));
  assert.equal(line.outcome, "answered");
  assert.equal(line.tier, "cloud");
  assert.equal(world.daemon.requestLines.length, 1);
}

/** Ollama answered in the cloud's place, and the SDK did not have to ask twice. */
export async function expectLocal(world, headers, reason, { model = localModel, cloudRequests } = {}) {
  assert.equal(mark(headers, "tier"), "local");
  assert.equal(mark(headers, "upstream"), "ollama");
  assert.equal(mark(headers, "model"), model);
  assert.equal(mark(headers, "failover"), reason);
  if (cloudRequests !== undefined) assert.equal(world.cloud.requests.length, cloudRequests, "requests at the cloud");
  assert.equal(world.ollama.generations.length, 1, "Ollama was asked once");
  const line = await world.daemon.requestLine(mark(headers, "request-id"));
  assert.equal(line.outcome, "failed_over");
  assert.equal(line.reason, reason);
  assert.equal(line.tier, "local");
  assert.equal(world.daemon.requestLines.length, 1, "the SDK asked once");
}
