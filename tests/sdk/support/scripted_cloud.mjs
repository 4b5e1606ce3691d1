// Both clouds on one HTTPS port, well unless told otherwise. Not lenient: every request is counted.
import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {createServer} from 'node:https';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

export const cloudWords = ['The ', 'cloud ', 'answers ', 'this.'];
export const cloudText = cloudWords.join('');

const data = (object) => `data: ${JSON.stringify(object)}\n\n`;
const named = (object) => `event: ${object.type}\n${data(object)}`;

function chat(model) {
  return {
    id: 'chatcmpl-1', object: 'chat.completion', created: 1755800000, model,
    choices: [{index: 0, message: {role: 'assistant', content: cloudText, refusal: null}, logprobs: null, finish_reason: 'stop'}],
    usage: {prompt_tokens: 9, completion_tokens: 4, total_tokens: 13},
  };
}

function chatEvents(model) {
  const event = (delta, finish_reason = null) => data({
    id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1755800000, model,
    choices: [{index: 0, delta, finish_reason}],
  });
  return [event({role: 'assistant', content: ''}), ...cloudWords.map((content) => event({content})), event({}, 'stop'), 'data: [DONE]\n\n'];
}

function response(model, status = 'completed') {
  const output = status === 'completed' ? [{
    id: 'msg_1', type: 'message', status, role: 'assistant',
    content: [{type: 'output_text', text: cloudText, annotations: []}],
  }] : [];
  return {
    id: 'resp_1', object: 'response', created_at: 1755800000, status, error: null, incomplete_details: null, model,
    output, parallel_tool_calls: true, tool_choice: 'auto', tools: [],
    usage: status === 'completed' ? {input_tokens: 9, output_tokens: 4, total_tokens: 13} : null,
  };
}

function responseEvents(model) {
  let sequence_number = 0;
  const event = (type, more) => named({type, sequence_number: sequence_number++, ...more});
  const at = {item_id: 'msg_1', output_index: 0, content_index: 0};
  const part = (text) => ({type: 'output_text', text, annotations: []});
  return [
    event('response.created', {response: response(model, 'in_progress')}),
    event('response.output_item.added', {output_index: 0, item: {id: 'msg_1', type: 'message', status: 'in_progress', role: 'assistant', content: []}}),
    event('response.content_part.added', {...at, part: part('')}),
    ...cloudWords.map((delta) => event('response.output_text.delta', {...at, delta})),
    event('response.output_text.done', {...at, text: cloudText}),
    event('response.content_part.done', {...at, part: part(cloudText)}),
    event('response.output_item.done', {output_index: 0, item: response(model).output[0]}),
    event('response.completed', {response: response(model)}),
  ];
}

function message(model) {
  return {
    id: 'msg_1', type: 'message', role: 'assistant', model, content: [{type: 'text', text: cloudText}],
    stop_reason: 'end_turn', stop_sequence: null, usage: {input_tokens: 9, output_tokens: 4},
  };
}

function messageEvents(model) {
  return [
    named({type: 'message_start', message: {...message(model), content: [], stop_reason: null, usage: {input_tokens: 9, output_tokens: 1}}}),
    named({type: 'content_block_start', index: 0, content_block: {type: 'text', text: ''}}),
    named({type: 'ping'}),
    ...cloudWords.map((text) => named({type: 'content_block_delta', index: 0, delta: {type: 'text_delta', text}})),
    named({type: 'content_block_stop', index: 0}),
    named({type: 'message_delta', delta: {stop_reason: 'end_turn', stop_sequence: null}, usage: {output_tokens: 4}}),
    named({type: 'message_stop'}),
  ];
}

const routes = {
  '/v1/chat/completions': {whole: chat, events: chatEvents, before: 1, anthropic: false},
  '/v1/responses': {whole: response, events: responseEvents, before: 3, anthropic: false},
  '/v1/messages': {whole: message, events: messageEvents, before: 3, anthropic: true},
};

function json(res, status, object, headers = {}) {
  res.writeHead(status, {'content-type': 'application/json', ...headers});
  res.end(JSON.stringify(object));
}

function error(route, type, code) {
  return route.anthropic ? {type: 'error', error: {type, message: 'scripted'}, request_id: 'req_1'} :
                           {error: {message: 'scripted', type, param: null, code}};
}

// What may be wrong with the cloud. Each takes the answer, the route and the request, and ends the matter.
export const faults = {
  'hangs up': (res) => res.socket.destroy(),
  'hangs': () => {},
  'says 500': (res, route) => json(res, 500, error(route, 'api_error', null)),
  'says 503': (res, route) => json(res, 503, error(route, 'overloaded_error', 'server_is_overloaded'), {'retry-after': '1'}),
  'says 429': (res, route) => json(res, 429, error(route, 'rate_limit_error', 'rate_limit_exceeded'), {'retry-after': '30'}),
  'puts an error into a 200': (res, route) => json(res, 200, error(route, 'api_error', 'server_error')),
  'shows a web page': (res) => {
    res.writeHead(200, {'content-type': 'text/html'});
    res.end('<html><body>Sign in</body></html>');
  },
};
export const streamFaults = {
  'dies before content': async (res, route, request) => {
    res.writeHead(200, {'content-type': 'text/event-stream'});
    for (const event of route.events(request.model).slice(0, route.before)) await written(res, event);
    res.socket.destroy();
  },
  'begins with an error event': (res, route) => {
    res.writeHead(200, {'content-type': 'text/event-stream'});
    const body = error(route, 'overloaded_error', 'server_error');
    res.end(route.anthropic ? `event: error\n${data(body)}` : data(body));
  },
};

const written = (res, bytes) => new Promise((resolve) => res.write(bytes, resolve));

export class ScriptedCloud {
  static async start() {
    const cloud = new ScriptedCloud();
    cloud.folder = mkdtempSync(join(tmpdir(), 'tideover-cloud-'));
    cloud.caFile = join(cloud.folder, 'cert.pem');
    const key = join(cloud.folder, 'key.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=cloud.test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cloud.caFile], {stdio: 'ignore'});
    cloud.requests = [];
    cloud.fault = null;
    cloud.sockets = new Set();
    cloud.server = createServer({cert: readFileSync(cloud.caFile), key: readFileSync(key)}, (req, res) => cloud.serve(req, res));
    cloud.server.on('connection', (socket) => {
      cloud.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => cloud.sockets.delete(socket));
    });
    cloud.server.listen(0, '127.0.0.1');
    await once(cloud.server, 'listening');
    cloud.url = `https://127.0.0.1:${cloud.server.address().port}`;
    return cloud;
  }

  async serve(req, res) {
    let body = '';
    for await (const piece of req) body += piece;
    const path = req.url.split('?')[0];
    const request = JSON.parse(body || '{}');
    this.requests.push({path, headers: req.headers, body: request});
    const route = routes[path];
    if (!route) return json(res, 404, error({}, 'invalid_request_error', 'unknown_url'));
    if (this.fault) return this.fault(res, route, request);
    if (!request.stream) return json(res, 200, route.whole(request.model), {'x-request-id': 'req_cloud'});
    res.writeHead(200, {'content-type': 'text/event-stream', 'x-request-id': 'req_cloud'});
    for (const event of route.events(request.model)) await written(res, event);
    res.end();
  }

  // Streams two words, waits until the promise lets it go on, then the connection is gone.
  cutAfterContent(until) {
    this.fault = async (res, route, request) => {
      res.writeHead(200, {'content-type': 'text/event-stream'});
      for (const event of route.events(request.model).slice(0, route.before + 2)) await written(res, event);
      await until;
      res.socket.destroy();
    };
  }

  // The port refuses from now on.
  async kill() {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  async stop() {
    if (this.server.listening) await this.kill();
    rmSync(this.folder, {recursive: true, force: true});
  }
}
