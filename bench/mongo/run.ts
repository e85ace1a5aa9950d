// What the guard costs the driver and Mongoose: node --import tsx bench/mongo/run.ts [--smoke] [--only=driver,mongoose]
import { availableParallelism, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { MongoClient } from "mongodb";
import { startMongoProgram } from "../../test/support/mongo-program.js";
import { MONGO_ENGINES, mongoEngines, type MongoEngine } from "../../test/support/mongo-servers.js";
import { buildPackage } from "../support/build.js";
import { startLatencyProxy } from "../support/latency-proxy.js";
import { ratioCells, ratioTable } from "../support/ratios.js";
import { interleave } from "../support/slices.js";
import { startContender, WAYS, type Assignment, type Contender } from "./contender.js";
import { fillOrders, OPERATIONS } from "./orders.js";

const smoke = process.argv.includes("--smoke");
const only = process.argv
  .find((one) => one.startsWith("--only="))
  ?.slice(7)
  .split(",");
const FEW = { tenants: 5, rowsPerTenant: 30 };
// The other two read a collection from end to end where a string is compared by its bytes, as the guard does.
const sizeOn = (engine: MongoEngine) =>
  engine === "mongod" && !smoke ? { tenants: 200, rowsPerTenant: 100 } : FEW;
const measure = smoke
  ? { rounds: 2, sliceMs: 30, warmMs: 30 }
  : { rounds: 15, sliceMs: 150, warmMs: 500 };
const CONCURRENCY = [1, 16];
const PROXY_MS = 1;
const LIBRARIES = ["driver", "mongoose"];

/** Measures one library in all ways, prints it and returns its lines of the table at the end. */
async function measureLibrary(
  assignment: Omit<Assignment, "way">,
  clear: () => Promise<unknown>,
): Promise<string[]> {
  const contenders: Contender[] = [];
  try {
    for (const way of WAYS) contenders.push(await startContender({ ...assignment, way }));
    const cells = new Map<string, string[]>(WAYS.map((way) => [way, []]));
    for (const operation of OPERATIONS) {
      for (const concurrency of CONCURRENCY) {
        const all = contenders.map(({ name, measure: take }) => ({
          name,
          slice: async (milliseconds: number) => {
            // What a slice leaves behind would slow the next.
            if (operation.startsWith("insert")) await clear();
            return take({ operation, concurrency, milliseconds });
          },
        }));
        const slices = await interleave(all, measure);
        console.log(`\n${operation}, concurrency ${concurrency}\n${ratioTable(slices)}`);
        for (const [way, cell] of ratioCells(slices)) cells.get(way)?.push(cell);
      }
    }
    return WAYS.slice(1).map(
      (way) => `| ${assignment.library}, ${way} | ${cells.get(way)?.join(" | ")} |`,
    );
  } finally {
    for (const contender of contenders) await contender.stop();
  }
}

/** Measures every library on one server and prints the tables of it. */
async function measureServer(engine: MongoEngine, where: string, folder: string): Promise<void> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const server = where.startsWith("file:")
      ? await startMongoProgram(engine, fileURLToPath(where))
      : { url: where, stop: async () => undefined };
    undo.unshift(() => server.stop());
    const client = new MongoClient(server.url);
    undo.unshift(() => client.close());
    const database = `bench_${process.pid}`;
    const size = sizeOn(engine);
    const clear = () => client.db(database).collection("journal").deleteMany({});
    await fillOrders(client, database, size);
    undo.unshift(() => client.db(database).dropDatabase());
    const named = new URL(server.url);
    named.pathname = database;
    const proxy = await startLatencyProxy(server.url, PROXY_MS);
    undo.unshift(proxy.stop);
    const columns = OPERATIONS.flatMap((name) => CONCURRENCY.map((many) => `${name}, ${many}`));
    const head = [`| | ${columns.join(" | ")} |`, `|---|${columns.map(() => "---|").join("")}`];
    const networks = [
      ["loopback", named.href],
      [`${PROXY_MS} ms away`, proxy.through(named.href)],
    ] as const;
    for (const [network, url] of smoke ? networks.slice(1) : networks) {
      const lines = [...head];
      for (const library of LIBRARIES.filter((name) => only?.includes(name) ?? true)) {
        console.log(
          `\n## ${library}, ${engine}, ${network}: ${size.tenants} tenants of ${size.rowsPerTenant} orders`,
        );
        const assignment = { library, size, url, direct: named.href, folder };
        lines.push(...(await measureLibrary(assignment, clear)));
      }
      console.log(
        `\nThroughput to the library by hand (middle half), ${engine}, ${network}, load now ${loadavg()[0]?.toFixed(1)}\n\n${lines.join("\n")}`,
      );
    }
  } finally {
    for (const step of undo) await step();
  }
}

const build = await buildPackage();
try {
  console.log(
    `The driver and Mongoose over the guard, to themselves with the tenant in every call.\n` +
      `Node.js ${process.version}, ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}.\n` +
      `${measure.rounds} slices of ${measure.sliceMs} ms each, 16 connections each. Aim: 0.95 of the first line.${smoke ? " SMOKE: the numbers mean nothing." : ""}`,
  );
  for (const engine of smoke ? MONGO_ENGINES.slice(0, 1) : MONGO_ENGINES) {
    const found = mongoEngines()[engine];
    if ("missing" in found) console.log(`\n## ${engine}\nskipped: ${found.missing}.`);
    else await measureServer(engine, found.url, build.folder);
  }
} finally {
  await build.remove();
}
