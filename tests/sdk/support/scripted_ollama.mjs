// An Ollama that knows one model and is as strict as the real one. Not lenient: what it would refuse is refused here.
import {once} from 'node:events';
import {createServer} from 'node:http';

export const localModel = 'llama3.1:8b';
export const localWords = ['The ', 'local ', 'model ', 'answers ', 'this.'];
export const localText = localWords.join('');

const data = (object) => `data: ${JSON.stringify(object)}\n\n`;
const named = (object) => `event: ${object.type}\n${data(object)}`;
const base = (object) => ({id: 'chatcmpl-417', object, created: 1755800000, model: localModel, system_fingerprint: 'fp_ollama'});

const entry = {
  name: localModel, model: localModel, modified_at: '2026-05-01T09:00:00Z', size: 4900000000, digest: 'a'.repeat(64),
  details: {family: 'llama', parameter_size: '8.0B', quantization_level: 'Q4_K_M', context_length: 131072},
  capabilities: ['completion', 'tools'],
};

function chat(request) {
  const usage = {prompt_tokens: 12, completion_tokens: 5, total_tokens: 17};
  if (!request.stream)
    return [JSON.stringify({...base('chat.completion'), choices: [{index: 0, message: {role: 'assistant', content: localText}, finish_reason: 'stop'}], usage})];
  const chunk = (delta, finish_reason = null) => data({...base('chat.completion.chunk'), choices: [{index: 0, delta, finish_reason}]});
  return [
    ...localWords.map((content, i) => chunk(i === 0 ? {role: 'assistant', content} : {content})),
    chunk({}, 'stop'),
    ...(request.stream_options?.include_usage ? [data({...base('chat.completion.chunk'), choices: [], usage})] : []),
    'data: [DONE]\n\n',
  ];
}

function messages(request) {
  const whole = {
    id: 'msg_417', type: 'message', role: 'assistant', model: localModel, content: [{type: 'text', text: localText}],
    stop_reason: 'end_turn', usage: {input_tokens: 12, output_tokens: 5},
  };
  if (!request.stream) return [JSON.stringify(whole)];
  const {stop_reason, ...start} = whole;  // empty ones are left out
  return [
    named({type: 'message_start', message: {...start, content: [], usage: {input_tokens: 3, output_tokens: 0}}}),
    named({type: 'content_block_start', index: 0, content_block: {type: 'text', text: ''}}),
    ...localWords.map((text) => named({type: 'content_block_delta', index: 0, delta: {type: 'text_delta', text}})),
    named({type: 'content_block_stop', index: 0}),
    named({type: 'message_delta', delta: {stop_reason}, usage: {input_tokens: 12, output_tokens: 5}}),
    named({type: 'message_stop'}),
  ];
}

function responses(request) {
  const item = {id: 'msg_417', type: 'message', status: 'completed', role: 'assistant', content: [{type: 'output_text', text: localText, annotations: []}]};
  const whole = {
    id: 'resp_417', object: 'response', created_at: 1755800000, status: 'completed', error: null, incomplete_details: null,
    model: localModel, output: [item], parallel_tool_calls: true, tool_choice: 'auto', tools: [], store: false,
    usage: {input_tokens: 12, output_tokens: 5, total_tokens: 17},
  };
  if (!request.stream) return [JSON.stringify(whole)];
  let sequence_number = 0;
  const event = (type, more) => named({type, sequence_number: sequence_number++, ...more});
  const at = {item_id: item.id, output_index: 0, content_index: 0};
  return [
    event('response.created', {response: {...whole, status: 'in_progress', output: [], usage: null}}),
    event('response.output_item.added', {output_index: 0, item: {...item, status: 'in_progress', content: []}}),
    event('response.content_part.added', {...at, part: {type: 'output_text', text: '', annotations: []}}),
    ...localWords.map((delta) => event('response.output_text.delta', {...at, delta})),
    event('response.output_text.done', {...at, text: localText}),
    event('response.content_part.done', {...at, part: item.content[0]}),
    event('response.output_item.done', {output_index: 0, item}),
    event('response.completed', {response: whole}),
  ];
}

function nativeChat(request) {
  const line = (content) => ({model: localModel, created_at: '2026-05-01T09:00:00Z', message: {role: 'assistant', content}, done: false});
  const end = {done: true, done_reason: 'stop', total_duration: 5e9, eval_count: 5, eval_duration: 1e8, prompt_eval_count: 12};
  if (request.stream === false) return [JSON.stringify({...line(localText), ...end})];
  return [...localWords.map((word) => JSON.stringify(line(word)) + '\n'), JSON.stringify({...line(''), ...end}) + '\n'];
}

const routes = {
  '/v1/chat/completions': {make: chat, list: 'messages'},
  '/v1/messages': {make: messages, list: 'messages'},
  '/v1/responses': {make: responses, list: 'input'},
  '/api/chat': {make: nativeChat, native: true},
};

// Fields that would name the caller: Ollama never needs them, so their arrival is a leak.
const forbidden = ['authorization', 'x-api-key', 'api-key', 'openai-organization', 'openai-project', 'anthropic-version', 'cookie', 'origin'];

export class ScriptedOllama {
  static async start() {
    const ollama = new ScriptedOllama();
    ollama.requests = [];
    ollama.leaks = [];
    ollama.server = createServer((req, res) => ollama.serve(req, res));
    ollama.server.listen(0, '127.0.0.1');
    await once(ollama.server, 'listening');
    ollama.url = `http://127.0.0.1:${ollama.server.address().port}`;
    return ollama;
  }

  async serve(req, res) {
    let body = '';
    for await (const piece of req) body += piece;
    const path = req.url.split('?')[0];
    for (const name of forbidden)
      if (name in req.headers) this.leaks.push(`${path}: ${name}`);
    const json = (status, object) => {
      res.writeHead(status, {'content-type': 'application/json'});
      res.end(JSON.stringify(object));
    };
    if (path === '/api/tags') return json(200, {models: [entry]});
    if (path === '/api/ps') return json(200, {models: [{...entry, size_vram: entry.size, context_length: 32768, expires_at: '2318-01-01T00:00:00Z'}]});
    if (path === '/api/version') return json(200, {version: '0.33.0'});
    const route = routes[path];
    if (!route || req.method !== 'POST') {
      res.writeHead(404, {'content-type': 'text/plain'});
      return res.end('404 page not found');
    }
    const refuse = (status, message) => {
      if (route.native) return json(status, {error: message});
      const type = status === 404 ? 'not_found_error' : 'invalid_request_error';
      if (path === '/v1/messages') return json(status, {type: 'error', error: {type, message}, request_id: 'req_417'});
      return json(status, {error: {message, type, param: null, code: null}});
    };
    let request;
    try {
      request = JSON.parse(body);
    } catch (problem) {
      return refuse(400, `invalid character: ${problem.message}`);
    }
    this.requests.push({path, headers: req.headers, body: request});
    if (!request.model) return refuse(400, 'model is required');
    if (request.model.toLowerCase() !== localModel) return refuse(404, `model '${request.model}' not found`);
    if (route.list && !request[route.list]?.length) return refuse(400, `[] is too short - '${route.list}'`);
    if (path === '/v1/messages' && !(request.max_tokens > 0)) return refuse(400, 'max_tokens is required and must be positive');
    if (request.reasoning_effort && request.reasoning_effort !== 'none') return refuse(400, `"${localModel}" does not support thinking`);
    const pieces = route.make(request);
    const streams = route.native ? request.stream !== false : request.stream === true;
    res.writeHead(200, {'content-type': !streams ? 'application/json' : route.native ? 'application/x-ndjson' : 'text/event-stream'});
    for (const piece of pieces) await new Promise((resolve) => res.write(piece, resolve));
    res.end();
  }

  async kill() {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  async stop() {
    if (this.server.listening) await this.kill();
  }
}
