// A real Chromium, headless, with a profile of its own and no way to any network but loopback. Names that tests invent
// lead to loopback addresses, as a hostile name server would have them do.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const alive = new Set();
process.on("exit", () => {
  for (const child of alive) end(child);
});

/** Of the whole process group: a browser is many processes. */
function end(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // it is gone already
  }
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function find() {
  if (process.env.TIDEOVER_CHROMIUM) return process.env.TIDEOVER_CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter))
    for (const name of ["chromium", "google-chrome", "chrome"]) if (executable(join(folder, name))) return join(folder, name);
  return undefined;
}

export const chromium = find();
/** For tests' `skip`: false, or why. */
export const missing = chromium ? false : "there is no Chromium here (fix: apt-get install chromium, or set TIDEOVER_CHROMIUM)";

/** Opens a page; `names` maps host names to addresses. Returns how to close the browser. */
export function open(url, names = {}) {
  const profile = mkdtempSync(join(tmpdir(), "tideover-browser-"));
  const rules = Object.entries(names).map(([name, address]) => `MAP ${name} ${address}`);
  rules.push("MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost");
  const child = spawn(
    chromium,
    [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server", "--mute-audio",
      `--user-data-dir=${profile}`, `--host-resolver-rules=${rules.join(", ")}`, url,
    ],
    { detached: true, stdio: ["ignore", "ignore", "pipe"], env: { PATH: "/usr/bin:/bin", HOME: profile, TMPDIR: profile } },
  );
  alive.add(child);
  const said = [];
  child.stderr.on("data", (text) => said.push(text));
  const ended = once(child, "close");
  return {
    said: () => Buffer.concat(said).toString(),
    async close() {
      end(child);
      await ended;
      alive.delete(child);
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
