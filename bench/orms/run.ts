// What the guard costs each ORM: node --import tsx bench/orms/run.ts [--smoke] [--only=kysely,drizzle]
import { availableParallelism, loadavg } from "node:os";
import pg from "pg";
import { buildPackage } from "../support/build.js";
import { startLatencyProxy } from "../support/latency-proxy.js";
import { ratioCells, ratioTable } from "../support/ratios.js";
import { startServer } from "../support/server.js";
import { interleave } from "../support/slices.js";
import { OPERATIONS, startContender, WAYS, type Assignment, type Contender } from "./contender.js";
import { buildLibrary } from "./library.js";
import type { Orm } from "./orm.js";

const smoke = process.argv.includes("--smoke");
const only = process.argv
  .find((one) => one.startsWith("--only="))
  ?.slice(7)
  .split(",");
const size = smoke
  ? { tenants: 5, authors: 10, books: 3 }
  : { tenants: 200, authors: 50, books: 5 };
const measure = smoke
  ? { rounds: 2, sliceMs: 30, warmMs: 30 }
  : { rounds: 15, sliceMs: 150, warmMs: 500 };
const CONCURRENCY = [1, 16];
const PROXY_MS = 1;
const ORMS = [
  "drizzle",
  "kysely",
  "knex",
  "objection",
  "typeorm",
  "sequelize",
  "mikro-orm",
  "prisma",
  "lucid",
];

/** Measures one ORM in all ways, prints it and returns its lines of the table at the end. */
async function measureOrm(name: string, assignment: Omit<Assignment, "way">): Promise<string[]> {
  const contenders: Contender[] = [];
  try {
    for (const way of WAYS) contenders.push(await startContender({ ...assignment, way }));
    const cells = new Map<string, string[]>(WAYS.map((way) => [way, []]));
    for (const operation of OPERATIONS) {
      for (const concurrency of CONCURRENCY) {
        const all = contenders.map(({ name: way, measure: take }) => ({
          name: way,
          slice: (milliseconds: number) => take({ operation, concurrency, milliseconds }),
        }));
        const slices = await interleave(all, measure);
        console.log(`\n${operation}, concurrency ${concurrency}\n${ratioTable(slices)}`);
        for (const [way, cell] of ratioCells(slices)) cells.get(way)?.push(cell);
      }
    }
    return WAYS.slice(1).map((way) => `| ${name}, ${way} | ${cells.get(way)?.join(" | ")} |`);
  } finally {
    for (const contender of contenders) await contender.stop();
  }
}

const undo: (() => Promise<unknown>)[] = [];
try {
  const build = await buildPackage();
  undo.unshift(build.remove);
  const server = await startServer();
  undo.unshift(server.stop);
  const library = await buildLibrary(server.url, size);
  undo.unshift(library.close);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query("show server_version");
  await client.end();
  console.log(
    `Each ORM over the guard, to itself over plain pg with the tenant in every query. ${size.tenants} tenants of ${size.authors} authors of ${size.books} books.\n` +
      `Node.js ${process.version}, PostgreSQL ${rows[0].server_version}, ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}.\n` +
      `${measure.rounds} slices of ${measure.sliceMs} ms each, 16 connections each. Aim: 0.9 of the first line.${smoke ? " SMOKE: the numbers mean nothing." : ""}`,
  );
  const proxy = await startLatencyProxy(server.url, PROXY_MS);
  undo.unshift(proxy.stop);
  const networks = { loopback: (url: string) => url, [`${PROXY_MS} ms away`]: proxy.through };
  const columns = OPERATIONS.flatMap((name) => CONCURRENCY.map((many) => `${name}, ${many}`));
  const head = [`| | ${columns.join(" | ")} |`, `|---|${columns.map(() => "---|").join("")}`];
  const tables = new Map(Object.keys(networks).map((network) => [network, [...head]]));
  for (const file of ORMS.filter((name) => only?.includes(name) ?? true)) {
    const { orm } = (await import(`./${file}.ts`)) as { orm: Orm };
    if (orm.node !== undefined && Number.parseInt(process.versions.node, 10) < orm.node) {
      console.log(
        `\n## ${orm.name}\nskipped: it needs Node.js ${orm.node}, this is ${process.version}.`,
      );
      continue;
    }
    for (const [network, through] of Object.entries(networks)) {
      console.log(`\n## ${orm.name}, ${network}`);
      const urls = {
        ...library.urls,
        raw: through(library.urls.raw),
        app: through(library.urls.app),
      };
      const lines = await measureOrm(orm.name, { orm: file, size, urls, folder: build.folder });
      tables.get(network)?.push(...lines);
    }
  }
  for (const [network, lines] of tables) {
    console.log(
      `\nThroughput to the ORM by hand (middle half), ${network}, load now ${loadavg()[0]?.toFixed(1)}\n\n${lines.join("\n")}`,
    );
  }
} finally {
  for (const step of undo) await step();
}
