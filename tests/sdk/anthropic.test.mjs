// The Anthropic SDK, unchanged but for its base URL.
import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {matrix} from './support/matrix.mjs';
import {cloudText} from './support/scripted_cloud.mjs';
import {localText} from './support/scripted_ollama.mjs';
import {inWorld} from './support/world.mjs';

const question = {model: 'claude-sonnet-4-5', max_tokens: 64, messages: [{role: 'user', content: 'Why tides?'}]};
const common = {
  upstream: 'anthropic',
  APIError: Anthropic.APIError,
  errorCode: (error) => error.errorCode,  // the SDK reads error.details.error_code
  make: (daemon, fetch) => new Anthropic({baseURL: daemon.url, apiKey: 'sk-ant-caller', fetch}),
};

matrix({
  ...common,
  name: 'anthropic messages',
  streams: false,
  async ask(client) {
    const {data, response} = await client.messages.create(question).withResponse();
    assert.equal(data.stop_reason, 'end_turn');
    return {text: data.content[0].text, model: data.model, headers: response.headers};
  },
});

async function readMessage(stream, onText = () => {}) {
  let text = '';
  let model;
  let stopped = false;
  for await (const event of stream) {
    if (event.type === 'message_start') model = event.message.model;
    if (event.type === 'content_block_delta') {
      text += event.delta.text;
      onText(event.delta.text);
    }
    stopped ||= event.type === 'message_stop';
  }
  assert.ok(stopped, 'the stream ended without message_stop');
  return {text, model};
}

matrix({
  ...common,
  name: 'anthropic messages stream',
  streams: true,
  async ask(client) {
    const {data, response} = await client.messages.create({...question, stream: true}).withResponse();
    return {...await readMessage(data), headers: response.headers};
  },
  async askUntilCut(client, onText) {
    await readMessage(await client.messages.create({...question, stream: true}), onText);
  },
});

test('anthropic: the .stream() helper accepts both tiers', () => inWorld({}, async ({cloud, daemon}) => {
  const client = common.make(daemon, fetch);
  assert.equal(await client.messages.stream(question).finalText(), cloudText);
  await cloud.kill();
  const message = await client.messages.stream(question).finalMessage();
  assert.equal(message.content[0].text, localText);
  assert.equal(message.stop_reason, 'end_turn');
}));

test('anthropic: ANTHROPIC_BASE_URL alone is enough, and the key goes to the cloud only', () => inWorld({}, async ({cloud, ollama, daemon}) => {
  process.env.ANTHROPIC_BASE_URL = daemon.url;
  try {
    const client = new Anthropic({apiKey: 'sk-ant-canary'});
    await client.messages.create(question);
    // SDKs before 1.0 send x-api-key, later ones Authorization.
    const {'x-api-key': key, authorization} = cloud.requests[0].headers;
    assert.equal(key ? `Bearer ${key}` : authorization, 'Bearer sk-ant-canary');
    assert.match(cloud.requests[0].headers['anthropic-version'], /^\d{4}-\d{2}-\d{2}$/);
    await cloud.kill();
    await client.messages.create(question);
    assert.ok(!JSON.stringify(ollama.requests).includes('canary'));
    assert.ok(!daemon.output.includes('canary'));
  } finally {
    delete process.env.ANTHROPIC_BASE_URL;
  }
}));
