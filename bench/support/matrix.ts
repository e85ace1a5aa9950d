import { availableParallelism, loadavg } from "node:os";
import pg from "pg";
import { buildPackage } from "./build.js";
import { startContender, type Contender } from "./contender.js";
import { startLatencyProxy } from "./latency-proxy.js";
import { ratioTable } from "./ratios.js";
import type { ShopSize } from "./rows.js";
import { startServer } from "./server.js";
import { buildShop } from "./shop.js";
import { interleave, median, type Measure } from "./slices.js";

const FULL: ShopSize & Measure = {
  tenants: 1000,
  rowsPerTenant: 100,
  rounds: 15,
  sliceMs: 200,
  warmMs: 1000,
};
const SMOKE: ShopSize & Measure = {
  tenants: 10,
  rowsPerTenant: 20,
  rounds: 2,
  sliceMs: 30,
  warmMs: 30,
};
const CONCURRENCY = [1, 16];
const PROXY_MS = 1;

async function describeServer(url: string, proxied: string): Promise<string> {
  const tripMs = async (to: string) => {
    const client = new pg.Client({ connectionString: to });
    await client.connect();
    const durations: number[] = [];
    for (let n = 0; n < 100; n += 1) {
      const began = performance.now();
      await client.query("select 1");
      durations.push(performance.now() - began);
    }
    const { rows } = await client.query("show server_version");
    await client.end();
    return { ms: median(durations).toFixed(2), version: String(rows[0].server_version) };
  };
  const direct = await tripMs(url);
  const delayed = await tripMs(proxied);
  return (
    `Node.js ${process.version}, PostgreSQL ${direct.version}, ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}.\n` +
    `A SELECT 1 takes ${direct.ms} ms on loopback and ${delayed.ms} ms through the proxy.`
  );
}

/**
 * Measures all contenders doing the same work: on loopback and through a proxy that adds one millisecond, with one
 * worker and with sixteen. Prints ratios to the first contender, from this run alone. `--smoke` on the command line
 * runs everything for a moment only; its numbers mean nothing.
 *
 * @param statements length of a transaction; absent for one statement outside any
 */
export async function runMatrix(question: string, statements?: number): Promise<void> {
  const smoke = process.argv.includes("--smoke");
  const scale = smoke ? SMOKE : FULL;
  const undo: (() => Promise<unknown>)[] = [];
  const undone = async <T>(made: Promise<T>, how: (made: T) => Promise<unknown>) => {
    const value = await made;
    undo.unshift(() => how(value));
    return value;
  };
  try {
    const build = await undone(buildPackage(), ({ remove }) => remove());
    const server = await undone(startServer(), ({ stop }) => stop());
    const shop = await undone(buildShop(server.url, scale), ({ close }) => close());
    const proxy = await undone(startLatencyProxy(server.url, PROXY_MS), ({ stop }) => stop());
    const networks = { loopback: (url: string) => url, [`${PROXY_MS} ms away`]: proxy.through };
    const contenders: Contender[] = [];
    for (const spec of shop.contenders) {
      const urls = Object.fromEntries(
        Object.entries(networks).map(([name, through]) => [name, through(spec.url)]),
      );
      const starting = startContender({ spec, size: scale, folder: build.folder, urls });
      contenders.push(await undone(starting, ({ stop }) => stop()));
    }
    console.log(
      `${question}\n${await describeServer(server.url, proxy.through(server.url))}\n` +
        `${scale.tenants} tenants of ${scale.rowsPerTenant} rows; ${scale.rounds} slices of ${scale.sliceMs} ms each. ` +
        `Ratios are to the first line, medians over the rounds.${smoke ? " SMOKE: the numbers mean nothing." : ""}`,
    );
    for (const network of Object.keys(networks)) {
      for (const concurrency of CONCURRENCY) {
        const all = contenders.map(({ name, measure }) => ({
          name,
          slice: (milliseconds: number) =>
            measure({ network, statements, concurrency, milliseconds }),
        }));
        const slices = await interleave(all, scale);
        console.log(`\n${network}, concurrency ${concurrency}\n${ratioTable(slices)}`);
      }
    }
  } finally {
    for (const step of undo) await step();
  }
}
