// The daemon as a child process: started with a configuration in a folder of its own, known to serve by its ready file,
// stopped by SIGTERM. Its log lines are kept as objects.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Journal, within } from "./within.js";

const alive = new Set();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL"); // a test run that is broken off leaves no daemon behind
});

function binary() {
  const path = process.env.TIDEOVER_BIN;
  if (!path) throw new Error("TIDEOVER_BIN is not set (fix: run these tests with `ctest --preset integration -R sdk`, or let it name the program)");
  if (!existsSync(path)) throw new Error(`TIDEOVER_BIN names no file: ${path} (fix: build the target tideover)`);
  return path;
}

export class Daemon {
  output = ""; // everything it ever said
  log = new Journal();
  #child;
  #folder;
  #ended;

  static async start({ yaml, environment = {} }) {
    const daemon = new Daemon();
    const path = binary();
    const folder = mkdtempSync(join(tmpdir(), "tideover-sdk-"));
    daemon.#folder = folder;
    mkdirSync(join(folder, "state"));
    writeFileSync(join(folder, "tideover.yaml"), yaml);
    const env = { PATH: "/usr/bin:/bin", HOME: folder, TMPDIR: folder, STATE_DIRECTORY: join(folder, "state"), ...environment };
    for (const name of ["ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"]) if (process.env[name]) env[name] = process.env[name];
    const ready = join(folder, "ready.json");
    const written = daemon.#fileAppears(ready);
    const child = spawn(path, ["run", "--config", join(folder, "tideover.yaml"), "--ready-file", ready], { env, stdio: ["ignore", "pipe", "pipe"] });
    daemon.#child = child;
    alive.add(child);
    daemon.#ended = once(child, "close").then(([code, signal]) => {
      alive.delete(child);
      return signal ?? code;
    });
    daemon.#collect(child.stdout);
    daemon.#collect(child.stderr);
    const early = daemon.#ended.then((code) => {
      throw new Error(`the daemon ended with ${code}:\n${daemon.output}\n${yaml}`);
    });
    early.catch(() => {});
    try {
      await within(Promise.race([written.promise, early]), () => `the daemon serves; it said:\n${daemon.output}`);
    } catch (problem) {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
      throw problem;
    } finally {
      written.stop();
    }
    const addresses = JSON.parse(readFileSync(ready, "utf8"));
    daemon.url = `http://${addresses.proxy[0]}`;
    daemon.adminUrl = `http://${addresses.admin}`;
    return daemon;
  }

  /** The file is renamed into place, so it is whole as soon as it is there. */
  #fileAppears(path) {
    let watcher;
    const promise = new Promise((resolve) => {
      const look = () => existsSync(path) && resolve();
      watcher = watch(this.#folder, look);
      look();
    });
    return { promise, stop: () => watcher.close() };
  }

  #collect(stream) {
    let rest = "";
    stream.setEncoding("utf8").on("data", (text) => {
      this.output += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("{")) this.log.add(JSON.parse(line));
    });
  }

  get requestLines() {
    return this.log.entries.filter((line) => line.event === "request");
  }

  /** The log line of the request with this id; lines come a moment after answers. */
  requestLine(id) {
    return this.log.first((line) => line.event === "request" && line.request_id === id, () => `a log line of ${id} in:\n${this.output}`);
  }

  /** The request lines, once there are so many. */
  requestLinesOnceThereAre(count) {
    return this.log.until(() => this.requestLines.length >= count && this.requestLines, () => `${count} request lines in:\n${this.output}`);
  }

  /** Ends it; resolves with its exit code. */
  async stop() {
    this.#child.kill("SIGTERM");
    try {
      return await within(this.#ended, () => `the daemon ends after SIGTERM; it said:\n${this.output}`, 15_000);
    } catch (problem) {
      this.#child.kill("SIGKILL");
      await this.#ended;
      throw problem;
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
