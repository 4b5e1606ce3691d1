// The tests that every SDK call must pass, whichever SDK makes it: the cloud well, each fault, cut, both down.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {cloudText, faults, streamFaults} from './scripted_cloud.mjs';
import {assertCloud, assertLocal, countingFetch, gate, inWorld, reasons} from './world.mjs';

// call: {name, upstream, streams, make(daemon, fetch), ask(client) -> {text, model, headers},
//        askUntilCut(client, onText) for streams, errorCode(error), APIError}
export function matrix(call) {
  test(`${call.name}: a cloud that is well answers`, () => inWorld({}, async ({cloud, daemon}) => {
    assertCloud(await call.ask(call.make(daemon, fetch)), call.upstream);
    assert.equal(cloud.requests.length, 1);
  }));

  test(`${call.name}: a cloud that refuses is stood in for`, () => inWorld({}, async ({cloud, daemon}) => {
    await cloud.kill();
    assertLocal(await call.ask(call.make(daemon, fetch)), 'connect');
  }));

  const all = call.streams ? {...faults, ...streamFaults} : faults;
  for (const [name, fault] of Object.entries(all)) {
    test(`${call.name}: a cloud that ${name} is stood in for, and asked once`, () =>
      inWorld({impatient: name === 'hangs'}, async ({cloud, ollama, daemon}) => {
        cloud.fault = fault;
        const counted = countingFetch();
        assertLocal(await call.ask(call.make(daemon, counted)), reasons[name]);
        assert.equal(counted.calls, 1, 'the SDK had nothing to repeat');
        assert.equal(cloud.requests.length, 1);
        assert.equal(ollama.requests.length, 1);
      }));
  }

  test(`${call.name}: with both tiers down the SDK raises our code and does not repeat`, () => inWorld({}, async ({cloud, ollama, daemon}) => {
    await cloud.kill();
    await ollama.kill();
    const counted = countingFetch();
    await assert.rejects(call.ask(call.make(daemon, counted)), (error) => {
      assert.ok(error instanceof call.APIError, `${error}`);
      assert.equal(error.status, 503);
      assert.equal(call.errorCode(error), 'local_unavailable');
      return true;
    });
    assert.equal(counted.calls, 1);
  }));

  if (!call.streams) return;
  test(`${call.name}: a stream that is cut after content raises and is never taken for whole`, () => inWorld({}, async ({cloud, ollama, daemon}) => {
    const door = gate();
    cloud.cutAfterContent(door.opened);
    let text = '';
    await assert.rejects(call.askUntilCut(call.make(daemon, fetch), (piece) => {
      text += piece;
      door.open();
    // The error event, or the end of the connection where Node's fetch notices that first and drops what it still held.
    }), (error) => error instanceof call.APIError || error.message === 'terminated');
    assert.ok(text.length > 0 && text.length < cloudText.length && cloudText.startsWith(text), `got: ${text}`);
    assert.equal(ollama.requests.length, 0, 'too late for another tier');
  }));
}
