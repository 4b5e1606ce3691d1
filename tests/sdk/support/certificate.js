// One certificate for 127.0.0.1 per test process, made with the openssl command, and one that nobody trusts.
// Not a certificate authority: a self-signed certificate is its own.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "tideover-sdk-cert-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function make(name) {
  const key = join(folder, `${name}.key`);
  const cert = join(folder, `${name}.pem`);
  const request =
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name} ` +
    "-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:TRUE";
  try {
    execFileSync("openssl", [...request.split(" "), "-keyout", key, "-out", cert], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (problem) {
    throw new Error(`openssl could not make a certificate (fix: scripts/setup): ${problem.stderr ?? problem}`);
  }
  return { file: cert, key: readFileSync(key), cert: readFileSync(cert) };
}

export const trusted = make("trusted");
export const untrusted = make("untrusted");
