// Web sites that a test serves: one of its own, and one that stands where a name pointed before it was rebound.
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTcpServer, connect } from "node:net";

import { within } from "../../sdk/support/within.js";

/** A page that runs `script(given)` and reports what it returns, or what it threw. */
function pageOf(script, given, reportTo) {
  return `<!doctype html><meta charset="utf-8"><title>page</title><body><script type="module">
const script = ${script};
let report;
try { report = await script(${JSON.stringify(given)}); } catch (problem) { report = { threw: String(problem) }; }
await fetch(${JSON.stringify(reportTo)}, { method: "POST", mode: "no-cors", body: JSON.stringify(report) });
</script></body>`;
}

/** Serves pages and takes their reports, on 127.0.0.1. */
export class Site {
  #server;
  #page = "";
  #report;
  report = new Promise((resolve) => (this.#report = resolve));

  static async start() {
    const site = new Site();
    site.#server = createServer((request, response) => {
      if (request.method !== "POST") return response.writeHead(200, { "content-type": "text/html" }).end(site.#page);
      let text = "";
      request.on("data", (piece) => (text += piece));
      return request.on("end", () => {
        response.end();
        site.#report(JSON.parse(text));
      });
    }).listen(0, "127.0.0.1");
    await once(site.#server, "listening");
    site.port = site.#server.address().port;
    return site;
  }

  /** The page at `host`, any name that leads to 127.0.0.1. */
  show(script, given, host) {
    this.#page = this.pageOf(script, given);
    return `http://${host}:${this.port}/`;
  }
  pageOf(script, given) {
    return pageOf(script, given, `http://127.0.0.1:${this.port}/report`);
  }

  reported(browser) {
    return within(this.report, () => `a report of the page; the browser said:\n${browser.said()}`, 60_000);
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/**
 * What a rebound name looks like from inside: the page came from elsewhere, and everything else that goes to the same
 * name and port arrives at the daemon, byte for byte. Listens on 127.0.0.2 at the daemon's own port.
 */
export async function rebound(daemonUrl, page) {
  const port = Number(new URL(daemonUrl).port);
  const connections = new Set();
  const server = createTcpServer((client) => {
    connections.add(client);
    client.on("close", () => connections.delete(client)).on("error", () => {});
    client.once("data", (first) => {
      if (first.toString("latin1").startsWith("GET /page ")) {
        client.end(`HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(page)}\r\n\r\n${page}`);
        return;
      }
      const daemon = connect(port, "127.0.0.1");
      daemon.on("error", () => client.destroy());
      client.on("close", () => daemon.destroy());
      daemon.write(first);
      client.pipe(daemon).pipe(client);
    });
  }).listen(port, "127.0.0.2");
  await once(server, "listening");
  return {
    async stop() {
      for (const client of connections) client.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
