// The daemon with a scripted cloud and Ollama, and with a token that pages in these tests know: worse than any real page.
import assert from "node:assert/strict";

import { trusted } from "../../sdk/support/certificate.js";
import { Daemon } from "../../sdk/support/daemon.js";
import { ScriptedCloud } from "../../sdk/support/scripted_cloud.js";
import { ScriptedOllama } from "../../sdk/support/scripted_ollama.js";

export const token = "token-that-the-page-knows-0123";

export class Home {
  static async start({ more = "" } = {}) {
    const home = new Home();
    home.ollama = await ScriptedOllama.start({});
    home.cloud = await ScriptedCloud.start({});
    const cloud = (dialect) => `{tier: cloud, dialect: ${dialect}, url: "${home.cloud.url}", tls: {ca_file: "${trusted.file}"}, credential: {env: KEY}}`;
    home.daemon = await Daemon.start({
      yaml: `
listen: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:0", token: {env: TOKEN}}
upstreams:
  openai: ${cloud("openai")}
  anthropic: ${cloud("anthropic")}
  ollama: {tier: local, dialect: ollama, url: "${home.ollama.url}"}
${more}
`,
      environment: { TOKEN: token, KEY: "sk-configured" },
    });
    return home;
  }

  async inContingency() {
    const answer = await fetch(`${this.daemon.adminUrl}/api/contingency`);
    assert.equal(answer.status, 200);
    return (await answer.json()).active;
  }

  async stop() {
    assert.equal(await this.daemon.stop(), 0);
    await this.cloud.die();
    await this.ollama.die();
  }
}
