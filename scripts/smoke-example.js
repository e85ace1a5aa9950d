// Starts the example as a newcomer does, asks its first URL, presses Ctrl-C, and fails when anything is left running.
//
//   node scripts/smoke-example.js [command ...]        default: npm start
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PATIENCE_MS = 120_000;
const [command = "npm", ...args] =
  process.argv.length > 2 ? process.argv.slice(2) : ["npm", "start"];

// A process group of its own, so that SIGINT can be sent as a terminal sends it: to all of them.
const child = spawn(command, args, {
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  detached: true,
  stdio: ["ignore", "pipe", "inherit"],
});
const ended = new Promise((done) => child.once("exit", (code, signal) => done(signal ?? code)));
const deadline = setTimeout(() => fail(`not finished after ${PATIENCE_MS / 1000} s`), PATIENCE_MS);

let output = "";
const printed = new Promise((found) => {
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    process.stdout.write(chunk);
    output += chunk;
    const match = /http:\/\/[^\s'"]+/.exec(output);
    if (match) found(match[0]);
  });
});
const url = await Promise.race([printed, ended.then(() => undefined)]);
if (url === undefined) fail("it ended before it printed a URL");
// Any answer will do: what the example answers is for its own tests.
const response = await fetch(new URL("/", url));
console.log(`\nsmoke: ${url} answers ${response.status}`);

const family = descendants(child.pid);
process.kill(-Number(child.pid), "SIGINT");
const how = await ended;
const since = Date.now();
while (family.some(isRunning) && Date.now() - since < 15_000)
  await new Promise((done) => setTimeout(done, 100));
const left = family.filter(isRunning);
clearTimeout(deadline);
if (left.length > 0) fail(`still running after Ctrl-C: ${left.join(", ")}`, left);
console.log(`smoke: Ctrl-C ended it (${how}); none of its ${family.length} processes is left`);
process.exit(0);

function fail(message, pids = descendants(child.pid)) {
  console.error(`smoke: ${message}`);
  for (const pid of pids.filter(isRunning)) process.kill(pid, "SIGKILL");
  process.exit(1);
}

/** Every process that descends from `pid`, by /proc; none where there is no /proc. */
function descendants(pid) {
  const parents = new Map();
  let names = [];
  try {
    names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [pid];
  }
  for (const name of names) {
    const parent = parentOf(name);
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  const found = [pid];
  for (const member of found) {
    for (const [other, parent] of parents) if (parent === member) found.push(other);
  }
  return found;
}

function parentOf(pid) {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return undefined;
  }
}

/** Whether a process runs; one that has ended and only waits to be reaped does not. */
function isRunning(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
