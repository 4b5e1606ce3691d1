// The OpenAI SDK, unchanged but for its base URL.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import OpenAI from 'openai';

import {matrix} from './support/matrix.mjs';
import {cloudText} from './support/scripted_cloud.mjs';
import {localModel, localText} from './support/scripted_ollama.mjs';
import {inWorld} from './support/world.mjs';

const question = {model: 'gpt-4o-mini', messages: [{role: 'user', content: 'Why tides?'}]};
const common = {
  upstream: 'openai',
  APIError: OpenAI.APIError,
  errorCode: (error) => error.code,
  make: (daemon, fetch) => new OpenAI({baseURL: `${daemon.url}/v1`, apiKey: 'sk-caller', fetch}),
};

matrix({
  ...common,
  name: 'openai chat',
  streams: false,
  async ask(client) {
    const {data, response} = await client.chat.completions.create(question).withResponse();
    assert.equal(data.choices[0].finish_reason, 'stop');
    return {text: data.choices[0].message.content, model: data.model, headers: response.headers};
  },
});

async function readChat(stream, onText = () => {}) {
  let text = '';
  let model;
  let finished = false;
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    model ??= chunk.model;
    if (choice?.delta?.content) {
      text += choice.delta.content;
      onText(choice.delta.content);
    }
    finished ||= choice?.finish_reason === 'stop';
  }
  assert.ok(finished, 'the stream ended without saying why');
  return {text, model};
}

matrix({
  ...common,
  name: 'openai chat stream',
  streams: true,
  async ask(client) {
    const {data, response} = await client.chat.completions.create({...question, stream: true}).withResponse();
    return {...await readChat(data), headers: response.headers};
  },
  async askUntilCut(client, onText) {
    await readChat(await client.chat.completions.create({...question, stream: true}), onText);
  },
});

const prompt = {model: 'gpt-4o-mini', input: 'Why tides?'};

matrix({
  ...common,
  name: 'openai responses',
  streams: false,
  async ask(client) {
    const {data, response} = await client.responses.create(prompt).withResponse();
    assert.equal(data.status, 'completed');
    return {text: data.output_text, model: data.model, headers: response.headers};
  },
});

async function readResponse(stream, onText = () => {}) {
  let text = '';
  let model;
  let completed = false;
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') {
      text += event.delta;
      onText(event.delta);
    }
    if (event.type === 'response.completed') {
      completed = true;
      model = event.response.model;
    }
  }
  assert.ok(completed, 'the stream ended without response.completed');
  return {text, model};
}

matrix({
  ...common,
  name: 'openai responses stream',
  streams: true,
  async ask(client) {
    const {data, response} = await client.responses.create({...prompt, stream: true}).withResponse();
    return {...await readResponse(data), headers: response.headers};
  },
  async askUntilCut(client, onText) {
    await readResponse(await client.responses.create({...prompt, stream: true}), onText);
  },
});

test('openai: the .stream() helper accepts both tiers', () => inWorld({}, async ({cloud, daemon}) => {
  const client = common.make(daemon, fetch);
  const fromCloud = await client.chat.completions.stream(question).finalChatCompletion();
  assert.equal(fromCloud.choices[0].message.content, cloudText);
  await cloud.kill();
  const fromLocal = await client.chat.completions.stream({...question, stream_options: {include_usage: true}}).finalChatCompletion();
  assert.equal(fromLocal.choices[0].message.content, localText);
  assert.equal(fromLocal.usage.total_tokens, 17);
}));

test('openai: OPENAI_BASE_URL alone is enough, and the key goes to the cloud only', () => inWorld({}, async ({cloud, ollama, daemon}) => {
  process.env.OPENAI_BASE_URL = `${daemon.url}/v1`;
  try {
    const client = new OpenAI({apiKey: 'sk-caller-canary'});
    await client.chat.completions.create(question);
    assert.equal(cloud.requests[0].headers.authorization, 'Bearer sk-caller-canary');
    await cloud.kill();
    await client.chat.completions.create(question);
    assert.ok(!JSON.stringify(ollama.requests).includes('canary'));
    assert.ok(!daemon.output.includes('canary'));
  } finally {
    delete process.env.OPENAI_BASE_URL;
  }
}));

test('openai: an error of the request itself raises as the cloud said it', () => inWorld({}, async ({cloud, ollama, daemon}) => {
  cloud.fault = (res) => {
    res.writeHead(400, {'content-type': 'application/json'});
    res.end(JSON.stringify({error: {message: 'too long', type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded'}}));
  };
  await assert.rejects(common.make(daemon, fetch).chat.completions.create(question), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, 'context_length_exceeded');
    return true;
  });
  assert.equal(ollama.requests.length, 0);
}));

test('openai: the list of models works with and without the cloud', () => inWorld({}, async ({cloud, daemon}) => {
  await cloud.kill();
  const ids = [];
  for await (const model of common.make(daemon, fetch).models.list()) ids.push(model.id);
  assert.deepEqual(ids, [localModel]);
}));
