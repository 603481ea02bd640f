// Completes package-lock.json: a registry mirror may lack packages of platforms it never serves, npm then
// leaves them out of the lock, and `npm ci` refuses the lock on every machine. Run after each `npm install`.
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
const added = [];
for (const [at, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] || lock.packages[`${at}/node_modules/${name}`]) continue;
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${at} wants ${name}@${version}, not one version`);
    lock.packages[`node_modules/${name}`] = platformEntry(name, version);
    added.push(name);
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
lock.packages = Object.fromEntries(sorted);
writeFileSync(path, JSON.stringify(lock, null, 2) + "\n");
console.log(added.length === 0 ? "package-lock.json is complete" : `added ${added.join(", ")}`);

/** What npm would have written, without the integrity that only the registry knows. */
function platformEntry(name, version) {
  const [, os, cpu, libc] =
    /^@[^/]+\/(?:.*?)(darwin|linux|win32|freebsd)-(arm64|arm|x64|aarch64)(?:-(glibc|musl))?/.exec(name) ?? [];
  if (os === undefined) throw new Error(`${name} does not name its platform`);
  const entry = { version, cpu: [cpu === "aarch64" ? "arm64" : cpu], dev: true, optional: true, os: [os] };
  return libc === undefined ? entry : { ...entry, libc: [libc] };
}
