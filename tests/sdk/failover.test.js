// Whatever happens to the cloud before its answer has begun, every call of the SDKs returns one complete answer.
import assert from "node:assert/strict";

import { expectCloud, expectLocal } from "./support/expect.js";
import { untrusted } from "./support/certificate.js";
import { calls } from "./support/sdk_calls.js";
import { answerOf, claudeModel, cloudModel, countTokens, localModel, question, system } from "./support/words.js";
import { hasty, worldTest } from "./support/world.js";

const instructions = (call) => (call.takesInstructions ? system : "");

function assertWhole(call, read, who, model) {
  const text = answerOf(who, question, instructions(call));
  assert.equal(read.text, text);
  assert.equal(read.finish, call.finish);
  assert.equal(read.model, model);
  if (call.hasUsage) assert.equal(read.usage, countTokens(text));
}

for (const call of calls) {
  worldTest(`${call.name}: a healthy cloud answers`, {}, async (world) => {
    const read = await call.ask(world, question, { told: instructions(call) });
    assertWhole(call, read, "cloud", call.upstream === "anthropic" ? claudeModel : cloudModel);
    await expectCloud(world, read.headers, call.upstream);
    // Body and key arrive as the SDK sent them, and the answer's own fields come back.
    assert.equal(world.cloud.requests[0].raw, world.onlyResponse.sent);
    assert.equal(read.headers.get(call.upstream === "anthropic" ? "request-id" : "x-request-id") ?? "of a stream", call.stream ? "of a stream" : "req_of_the_cloud");
  });
}

// What the cloud does (scripted_cloud.js), the reason that must be told, how often the cloud gets to see the request, and
// whether it concerns streams only or all but streams.
const rows = [
  { cloud: "error_500", title: "answers 500", reason: "server_error", asked: 1 },
  { cloud: "error_503", title: "answers 503", reason: "server_error", asked: 1 },
  { cloud: "rate_limited", title: "answers 429 with Retry-After", reason: "rate_limited", asked: 1 },
  { cloud: "no_quota", title: "answers that there is no money left", reason: "quota", asked: 1 },
  { cloud: "redirect", title: "redirects", reason: "redirect", asked: 1 },
  { cloud: "hang", title: "never answers", reason: "timeout", asked: 1, timeouts: hasty },
  { cloud: "refuse", title: "refuses connections", reason: "connect", asked: 0 },
  { cloud: "kill_handshake", title: "cuts the handshake", reason: "connect", asked: 0 },
  { cloud: "kill_request", title: "cuts the connection after the request", reason: "connect", asked: 1 },
  { cloud: "well", identity: untrusted, reason: "tls", asked: 0, title: "shows the certificate of a stranger" },
  { cloud: "error_in_200", title: "says 200 and sends an error", reason: "error_in_200", asked: 1 },
  { cloud: "html", title: "sends HTML", reason: "malformed", asked: 1 },
  { cloud: "cut_body", title: "cuts its answer", reason: "malformed", asked: 1, streams: false },
  { cloud: "nothing", title: "sends an empty body", reason: "malformed", asked: 1 },
  { cloud: "says_nothing", title: "says nothing in good form", reason: "empty", asked: 1 },
  { cloud: "dies_before_content", title: "cuts the stream before the first content", reason: "malformed", asked: 1, streams: true },
  { cloud: "silent_after_head", title: "falls silent before the first content", reason: "timeout", asked: 1, streams: true, timeouts: hasty },
];

for (const row of rows) {
  for (const call of calls) {
    if (row.streams !== undefined && row.streams !== call.stream) continue;
    const settings = { cloud: { behaviour: row.cloud, identity: row.identity }, timeouts: row.timeouts };
    worldTest(`${call.name}: Ollama answers when the cloud ${row.title}`, settings, async (world) => {
      const read = await call.ask(world, question, { told: instructions(call) });
      assertWhole(call, read, "local", localModel);
      await expectLocal(world, read.headers, row.reason, { cloudRequests: row.asked });
    });
  }
}
