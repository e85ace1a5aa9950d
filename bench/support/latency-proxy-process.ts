// A process of its own, so that waiting takes nothing from the client's event loop. See latency-proxy.ts.
import { connect, createServer, type AddressInfo } from "node:net";

const [host = "", port = "", delay = ""] = process.argv.slice(2);
const delayMs = Number(delay);

interface Chunk {
  readonly due: number;
  deliver(): void;
}

const waiting: Chunk[] = [];
const sleeper = new Int32Array(new SharedArrayBuffer(4));
// Timers of Node.js count whole milliseconds. The futex behind Atomics.wait does not, but holds up the loop, so it
// naps for a fraction and the loop looks for new arrivals in between.
const NAP_MS = 0.1;
// Linux wakes a sleeper up to this much late, unless asked otherwise.
const TIMER_SLACK_MS = 0.05;
let turning = false;

function turn(): void {
  for (;;) {
    const next = waiting[0];
    if (next === undefined) {
      turning = false;
      return;
    }
    const left = next.due - performance.now();
    if (left > 0) {
      const nap = Math.min(left, NAP_MS) - TIMER_SLACK_MS;
      if (nap > 0) Atomics.wait(sleeper, 0, 0, nap);
      break;
    }
    waiting.shift();
    next.deliver();
  }
  setImmediate(turn);
}

function delayed(deliver: () => void): void {
  waiting.push({ due: performance.now() + delayMs, deliver });
  if (turning) return;
  turning = true;
  setImmediate(turn);
}

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ port: Number(port), host, noDelay: true });
  client.on("data", (chunk: Buffer) => delayed(() => upstream.write(chunk)));
  upstream.on("data", (chunk: Buffer) => delayed(() => client.write(chunk)));
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    socket.on("error", () => other.destroy());
    socket.on("close", () => delayed(() => other.destroy()));
  }
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
// The parent is gone, or done.
process.on("disconnect", () => process.exit());
