// The ollama package, pointed at Tideover instead of Ollama: the native routes pass through and never see a cloud.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Ollama} from 'ollama';

import {localModel, localText} from './support/scripted_ollama.mjs';
import {inWorld} from './support/world.mjs';

const question = {model: localModel, messages: [{role: 'user', content: 'Why tides?'}]};

test('ollama: chat and list pass through, and no cloud hears of it', () => inWorld({}, async ({cloud, daemon}) => {
  const client = new Ollama({host: daemon.url});
  const answer = await client.chat({...question, stream: false});
  assert.equal(answer.message.content, localText);
  assert.equal(answer.done_reason, 'stop');
  const {models} = await client.list();
  assert.deepEqual(models.map((model) => model.name), [localModel]);
  assert.equal(cloud.sockets.size, 0);
  assert.equal(cloud.requests.length, 0);
}));

test('ollama: a stream passes through line by line', () => inWorld({}, async ({daemon}) => {
  let text = '';
  let done = false;
  for await (const part of await new Ollama({host: daemon.url}).chat({...question, stream: true})) {
    text += part.message.content;
    done ||= part.done;
  }
  assert.equal(text, localText);
  assert.ok(done);
}));

test('ollama: a missing model is told as Ollama tells it', () => inWorld({}, async ({daemon}) => {
  await assert.rejects(new Ollama({host: daemon.url}).chat({...question, model: 'absent', stream: false}), (error) => {
    assert.equal(error.status_code, 404);
    assert.match(error.message, /model 'absent' not found/);
    return true;
  });
}));

test('ollama: models cannot be pulled or deleted through the proxy', () => inWorld({}, async ({ollama, daemon}) => {
  const client = new Ollama({host: daemon.url});
  await assert.rejects(client.pull({model: 'x', stream: false}), (error) => error.status_code === 403);
  await assert.rejects(client.delete({model: localModel}), (error) => error.status_code === 403);
  assert.equal(ollama.requests.length, 0);
}));

test('ollama: an Ollama that is down raises', () => inWorld({}, async ({ollama, daemon}) => {
  await ollama.kill();
  await assert.rejects(new Ollama({host: daemon.url}).chat({...question, stream: false}), (error) => error.status_code === 503);
}));
