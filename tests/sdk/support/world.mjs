// A scripted cloud, a scripted Ollama and the daemon between them, for one test; all of it ends with the test.
import assert from 'node:assert/strict';

import {Daemon} from './daemon.mjs';
import {cloudText, ScriptedCloud} from './scripted_cloud.mjs';
import {localModel, localText, ScriptedOllama} from './scripted_ollama.mjs';

export async function inWorld(options, body) {
  const cloud = await ScriptedCloud.start();
  const ollama = await ScriptedOllama.start();
  let daemon;
  try {
    daemon = await Daemon.start({cloud, ollama, ...options});
    await body({cloud, ollama, daemon});
    assert.deepEqual(ollama.leaks, [], 'a field that names the caller reached Ollama');
  } finally {
    await daemon?.stop();
    await cloud.stop();
    await ollama.stop();
  }
}

// Counts what an SDK really sends: its own retries included.
export function countingFetch() {
  const counted = (...args) => {
    counted.calls += 1;
    return fetch(...args);
  };
  counted.calls = 0;
  return counted;
}

// `got` is {text, model, headers}: what the SDK made of the answer, and the raw response's headers.
export function assertCloud(got, upstream) {
  assert.equal(got.text, cloudText);
  assert.equal(got.headers.get('x-tideover-tier'), 'cloud');
  assert.equal(got.headers.get('x-tideover-upstream'), upstream);
  assert.equal(got.headers.get('x-tideover-failover'), null);
}

export function assertLocal(got, reason) {
  assert.equal(got.text, localText);
  assert.equal(got.model, localModel);
  assert.equal(got.headers.get('x-tideover-tier'), 'local');
  assert.equal(got.headers.get('x-tideover-upstream'), 'ollama');
  assert.equal(got.headers.get('x-tideover-model'), localModel);
  assert.equal(got.headers.get('x-tideover-failover'), reason);
}

// The reason each fault of scripted_cloud.mjs leads to.
export const reasons = {
  'hangs up': 'connect',
  'hangs': 'timeout',
  'says 500': 'server_error',
  'says 503': 'server_error',
  'says 429': 'rate_limited',
  'puts an error into a 200': 'error_in_200',
  'shows a web page': 'malformed',
  'dies before content': 'malformed',
  'begins with an error event': 'error_in_200',
};

// A promise that the test resolves itself.
export function gate() {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  return {opened, open};
}
