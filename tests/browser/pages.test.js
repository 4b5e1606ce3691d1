// What web pages can do to a daemon on the visitor's own machine: nothing, whatever they try, unless the operator named
// their origin. In a real Chromium, because what a page can send is what a browser lets it send.
import assert from "node:assert/strict";
import { test } from "node:test";

import { missing, open } from "./support/chromium.js";
import { Home, token } from "./support/home.js";
import { rebound, Site } from "./support/site.js";

const order = JSON.stringify({ workflows: ["all"], reason: "a page wants it" });
const question = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Why tides?" }] });

// Runs in the page. Each try tells what the page could see of it: a status that it can read, an event, or nothing.
const everyTry = `async ({ admin, proxy, token, order, question }) => {
  const seen = {};
  const json = { "content-type": "application/json", authorization: "Bearer " + token };
  const tryFetch = async (name, url, init) => {
    try {
      const answer = await fetch(url, init);
      seen[name] = answer.type === "opaque" ? "opaque" : answer.status + " " + (await answer.text()).slice(0, 80);
    } catch (problem) { seen[name] = "refused"; }
  };
  for (const method of ["PUT", "POST", "DELETE"])
    await tryFetch("json " + method, admin + "/api/contingency", { method, headers: json, body: order });
  await tryFetch("text", admin + "/api/contingency", { method: "POST", mode: "no-cors", headers: { "content-type": "text/plain" }, body: order });
  await tryFetch("text read", admin + "/api/contingency", { method: "POST", headers: { "content-type": "text/plain" }, body: order });
  await tryFetch("no-cors read", admin + "/api/status", { mode: "no-cors" });
  await tryFetch("read", admin + "/api/status");
  await tryFetch("chat json", proxy + "/v1/chat/completions", { method: "POST", headers: json, body: question });
  await tryFetch("chat text", proxy + "/v1/chat/completions", { method: "POST", mode: "no-cors", body: question });
  await tryFetch("models", proxy + "/v1/models");
  await tryFetch("models no-cors", proxy + "/v1/models", { mode: "no-cors" });
  await tryFetch("with cookies", proxy + "/v1/models", { credentials: "include" });
  seen.beacon = navigator.sendBeacon(admin + "/api/contingency", new Blob([order], { type: "text/plain" }));

  const form = (action, name, value) => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.name = "f" + Math.random();
    const f = document.createElement("form");
    Object.assign(f, { action, method: "post", enctype: "text/plain", target: frame.name });
    const input = document.createElement("input");
    Object.assign(input, { name, value });
    f.append(input);
    document.body.append(frame, f);
    // The first load is the empty frame's, or the answer's.
    let loads = 0;
    frame.onload = () => { if (++loads >= 1 && f.dataset.sent) resolve("loaded"); };
    f.dataset.sent = "1";
    f.submit();
  });
  // A form's text body becomes JSON when its name and value are chosen well: {"…":"=…"}
  seen.form = await form(admin + "/api/contingency", '{"reason":"x","x":"', '"}');
  seen["form chat"] = await form(proxy + "/v1/chat/completions", '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}],"x":"', '"}');

  const element = (tag, attribute, url) => new Promise((resolve) => {
    const e = document.createElement(tag);
    e.onload = () => resolve("loaded");
    e.onerror = () => resolve("error");
    e[attribute] = url;
    document.body.append(e);
  });
  for (const path of ["/api/contingency", "/api/contingency?workflows=all&reason=x", "/metrics"]) seen["image " + path] = await element("img", "src", admin + path);
  seen["image models"] = await element("img", "src", proxy + "/v1/models");
  seen.script = await element("script", "src", admin + "/api/status");

  seen.events = await new Promise((resolve) => {
    const source = new EventSource(admin + "/api/events");
    const heard = () => { resolve("heard"); source.close(); };
    source.onmessage = heard;
    source.addEventListener("snapshot", heard);
    source.onerror = () => { resolve("error"); source.close(); };
  });
  const socket = (url) => new Promise((resolve) => {
    const s = new WebSocket(url.replace("http:", "ws:"));
    s.onopen = () => { resolve("open"); s.close(); };
    s.onerror = () => resolve("error");
  });
  seen["socket admin"] = await socket(admin + "/api/events");
  seen["socket proxy"] = await socket(proxy + "/v1/realtime");
  return seen;
}`;

/** Nothing that a page saw may be an answer of the daemon's but a refusal. */
function expectNothingSeen(seen) {
  assert.equal(seen.threw, undefined);
  for (const [name, what] of Object.entries(seen)) {
    if (name === "beacon" || name.startsWith("form")) continue; // sent, and the page learns nothing; judged by what happened
    assert.match(String(what), /^(refused|opaque|error|4\d\d )/, `${name}: ${what}`);
  }
  assert.equal(Object.keys(seen).length, 23, Object.keys(seen).join(", "));
}

async function expectNothingHappened(home) {
  assert.equal(await home.inContingency(), false, "a page switched contingency");
  const generations = home.cloud.requests.length + home.ollama.requests.filter((r) => r.url?.startsWith("/api/chat") || r.path?.startsWith("/api/chat")).length;
  assert.equal(generations, 0, "a page spent the operator's tokens");
}

test("a page of another origin can neither change nor read anything", { skip: missing }, async () => {
  const home = await Home.start();
  const site = await Site.start();
  const given = { admin: home.daemon.adminUrl, proxy: home.daemon.url, token, order, question };
  const browser = open(site.show(everyTry, given, "evil.test"), { "evil.test": "127.0.0.1" });
  try {
    expectNothingSeen(await site.reported(browser));
    await expectNothingHappened(home);
    const refused = await home.daemon.log.until(
      () => home.daemon.requestLines.filter((line) => line.status === 403).length >= 6,
      () => "six refused requests in the proxy's log",
    );
    assert.ok(refused, "the page's requests did arrive, and were refused");
  } finally {
    await browser.close();
    await site.stop();
    await home.stop();
  }
});

for (const door of ["adminUrl", "url"])
  test(`a rebound name can neither change nor read anything (${door})`, { skip: missing }, async () => {
    const home = await Home.start();
    const site = await Site.start();
    const here = `http://evil.test:${new URL(home.daemon[door]).port}`;
    const given = { admin: here, proxy: here, token, order, question };
    const away = await rebound(home.daemon[door], site.pageOf(everyTry, given));
    const browser = open(`${here}/page`, { "evil.test": "127.0.0.2" });
    try {
      const seen = await site.reported(browser);
      expectNothingSeen(seen);
      assert.match(seen.read, /^421 /, "the page is of the same origin, so it can see that the name is refused");
      await expectNothingHappened(home);
    } finally {
      await browser.close();
      await away.stop();
      await site.stop();
      await home.stop();
    }
  });

// The control: the same harness with a name that is served. If this page could not switch either, the tests above would
// prove nothing.
test("a page of the daemon's own name that has the token can", { skip: missing }, async () => {
  const home = await Home.start();
  const site = await Site.start();
  const here = `http://desk.internal:${new URL(home.daemon.adminUrl).port}`;
  const script = `async ({ here, token, order }) => {
    const headers = { "content-type": "application/json", authorization: "Bearer " + token };
    const without = await fetch(here + "/api/contingency", { method: "PUT", headers: { "content-type": "application/json" }, body: order });
    const events = new EventSource(here + "/api/events");
    const heard = new Promise((resolve) => events.addEventListener("snapshot", () => { events.close(); resolve("heard"); }));
    const answer = await fetch(here + "/api/contingency", { method: "PUT", headers, body: order });
    return { without: without.status, status: answer.status, active: (await answer.json()).active, events: await heard };
  }`;
  const away = await rebound(home.daemon.adminUrl, site.pageOf(script, { here, token, order }));
  const browser = open(`${here}/page`, { "desk.internal": "127.0.0.2" });
  try {
    assert.deepEqual(await site.reported(browser), { without: 401, status: 200, active: true, events: "heard" });
    assert.equal(await home.inContingency(), true);
  } finally {
    await browser.close();
    await away.stop();
    await site.stop();
    await home.stop();
  }
});

const chat = `async ({ proxy, question }) => {
  const ask = (more) => fetch(proxy + "/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-of-the-page", "x-stainless-lang": "js" },
    body: JSON.stringify({ ...JSON.parse(question), ...more }),
  });
  const answer = await ask({ stream: true });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "", pieces = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    ++pieces;
    text += value;
  }
  const wrong = await fetch(proxy + "/v1/nothing/at/all", { method: "PUT" });
  const nowhere = await fetch(proxy + "/nowhere");
  return {
    status: answer.status, tier: answer.headers.get("x-tideover-tier"), id: answer.headers.get("x-tideover-request-id") !== null,
    whole: text.endsWith("data: [DONE]\\n\\n"), pieces, nowhere: nowhere.status, code: nowhere.headers.get("x-tideover-error"), wrong: wrong.status > 0,
  };
}`;

test("a page of an origin in cors.origins streams an answer and reads errors, and no other page does", { skip: missing }, async () => {
  const site = await Site.start();
  const home = await Home.start({ more: `cors: {origins: ["http://chat.test:${site.port}"]}` });
  const given = { proxy: home.daemon.url, question };
  const names = { "chat.test": "127.0.0.1", "evil.test": "127.0.0.1" };
  const browser = open(site.show(chat, given, "chat.test"), names);
  let other, second;
  try {
    const seen = await site.reported(browser);
    assert.equal(seen.threw, undefined);
    assert.equal(seen.status, 200);
    assert.equal(seen.tier, "cloud");
    assert.ok(seen.id && seen.whole && seen.wrong);
    assert.ok(seen.pieces >= 1);
    assert.equal(seen.nowhere, 404);
    assert.equal(seen.code, "unknown_path");
    assert.ok(home.cloud.requests.every((request) => !("origin" in request.headers)), "the cloud is not told of the origin");
    other = await Site.start();
    second = open(other.show(chat, given, "evil.test"), names);
    assert.match((await other.reported(second)).threw ?? "", /Failed to fetch/);
  } finally {
    await browser.close();
    await second?.close();
    await other?.stop();
    await site.stop();
    await home.stop();
  }
});
