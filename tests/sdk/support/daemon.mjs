// Starts the tideover program for one test and says where it listens. Not a mock: the binary is $TIDEOVER_BIN.
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const program = process.env.TIDEOVER_BIN;
if (!program) throw new Error('set TIDEOVER_BIN to the tideover program, or run these tests through ctest');

export class Daemon {
  // cloud and ollama are the scripted servers; `impatient` makes a silent cloud fail soon.
  static async start({cloud, ollama, impatient = false}) {
    const daemon = new Daemon();
    daemon.folder = mkdtempSync(join(tmpdir(), 'tideover-sdk-'));
    const config = join(daemon.folder, 'tideover.yaml');
    const wait = impatient ? '400ms' : '60s';
    const cloudKeys = `url: "${cloud.url}", tls: {ca_file: "${cloud.caFile}"}, ` +
        `timeouts: {connect: 20s, first_content: ${wait}, response: ${wait}, idle: 60s, total: 5m}`;
    writeFileSync(config, `
listen: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0"}
upstreams:
  openai: {tier: cloud, dialect: openai, ${cloudKeys}}
  anthropic: {tier: cloud, dialect: anthropic, ${cloudKeys}}
  ollama: {tier: local, dialect: ollama, url: "${ollama.url}", timeouts: {connect: 20s, first_content: 60s, response: 60s, idle: 60s, total: 5m}}
models: [{cloud: "*", local: "llama3.1:8b"}]
`, {mode: 0o600});
    const ready = join(daemon.folder, 'ready.json');
    daemon.process = spawn(program, ['run', '--config', config, '--ready-file', ready], {
      env: {PATH: '/usr/bin:/bin', HOME: daemon.folder, STATE_DIRECTORY: daemon.folder},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    daemon.output = '';
    for (const stream of [daemon.process.stdout, daemon.process.stderr])
      stream.on('data', (bytes) => { daemon.output += bytes; });
    const exited = once(daemon.process, 'exit').then(([code]) => { daemon.exitCode = code; });
    await Promise.race([
      fileWithJson(ready, (json) => { daemon.addresses = json; }),
      exited.then(() => { throw new Error(`tideover ended with ${daemon.exitCode}:\n${daemon.output}`); }),
    ]);
    daemon.exited = exited;
    return daemon;
  }

  get url() { return `http://${this.addresses.proxy[0]}`; }

  async stop() {
    this.process.kill('SIGTERM');
    await this.exited;
    rmSync(this.folder, {recursive: true, force: true});
    if (this.exitCode !== 0) throw new Error(`tideover ended with ${this.exitCode}:\n${this.output}`);
  }
}

// Resolves once the file holds whole JSON; woken by the file system, not by a clock.
function fileWithJson(path, take) {
  return new Promise((resolve) => {
    const look = () => {
      if (!existsSync(path)) return false;
      try {
        take(JSON.parse(readFileSync(path, 'utf8')));
      } catch {
        return false;  // still being written; another event follows
      }
      watcher.close();
      resolve();
      return true;
    };
    const watcher = watch(join(path, '..'), look);
    look();
  });
}
