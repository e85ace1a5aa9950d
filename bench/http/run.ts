// What a request costs behind tenancy(): node --import tsx bench/http/run.ts [--smoke] [--only=fastify]
import { availableParallelism, loadavg } from "node:os";
import pg from "pg";
import { buildPackage } from "../support/build.js";
import { startLatencyProxy } from "../support/latency-proxy.js";
import { ratioCells, ratioTable } from "../support/ratios.js";
import { startServer as startPostgres } from "../support/server.js";
import { buildShop } from "../support/shop.js";
import { interleave } from "../support/slices.js";
import { load, proveServer } from "./load.js";
import { startServer, type Server } from "./server.js";
import type { Framework } from "./site.js";
import { WAYS, type Opening } from "./ways.js";

const smoke = process.argv.includes("--smoke");
const only = process.argv
  .find((one) => one.startsWith("--only="))
  ?.slice(7)
  .split(",");
const size = smoke ? { tenants: 10, rowsPerTenant: 20 } : { tenants: 1000, rowsPerTenant: 100 };
const measure = smoke
  ? { rounds: 2, sliceMs: 50, warmMs: 50 }
  : { rounds: 15, sliceMs: 250, warmMs: 700 };
const CONNECTIONS = [1, 16];
const PROXY_MS = 1;
const FRAMEWORKS = ["express", "fastify"];

/** Measures one framework in all ways, prints it and returns its lines of the table at the end. */
async function measureFramework(
  file: string,
  opening: Omit<Opening, "way">,
  cells: Map<string, string[]>,
): Promise<void> {
  const servers: Server[] = [];
  try {
    for (const way of WAYS) {
      const server = await startServer({ framework: file, opening: { ...opening, way } });
      servers.push(server);
      await proveServer(server, size);
    }
    for (const connections of CONNECTIONS) {
      const all = WAYS.map((name, at) => ({
        name,
        slice: (ms: number) => load(servers[at] as Server, size, connections, ms),
      }));
      const slices = await interleave(all, measure);
      console.log(`\nconnections ${connections}\n${ratioTable(slices, "server")}`);
      for (const [way, cell] of ratioCells(slices)) cells.get(way)?.push(cell);
    }
  } finally {
    for (const server of servers) await server.stop();
  }
}

const undo: (() => Promise<unknown>)[] = [];
try {
  const build = await buildPackage();
  undo.unshift(build.remove);
  const postgres = await startPostgres();
  undo.unshift(postgres.stop);
  const shop = await buildShop(postgres.url, size);
  undo.unshift(shop.close);
  const proxy = await startLatencyProxy(postgres.url, PROXY_MS);
  undo.unshift(proxy.stop);
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const { rows } = await client.query("show server_version");
  await client.end();
  const spec = (name: string) => {
    const found = shop.contenders.find((one) => one.name === name);
    if (found === undefined) throw new Error(`The shop has no "${name}".`);
    return found;
  };
  const raw = spec("pg, manual WHERE");
  const guarded = spec("guarded, parameter seal");
  console.log(
    `GET /items/:id, which reads one row; the tenant by subdomain, the user's membership checked. To the same application by hand.\n` +
      `Node.js ${process.version}, PostgreSQL ${rows[0].server_version}, ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}.\n` +
      `${measure.rounds} slices of ${measure.sliceMs} ms each, 16 connections to the database. Aim: 0.95 of the first line.${smoke ? " SMOKE: the numbers mean nothing." : ""}`,
  );
  const networks = { loopback: (url: string) => url, [`${PROXY_MS} ms away`]: proxy.through };
  const columns = Object.keys(networks).flatMap((name) =>
    CONNECTIONS.map((many) => `${name}, ${many}`),
  );
  for (const file of FRAMEWORKS.filter((name) => only?.includes(name) ?? true)) {
    const { framework } = (await import(`./${file}.ts`)) as { framework: Framework };
    const cells = new Map<string, string[]>(WAYS.map((way) => [way, []]));
    for (const [network, through] of Object.entries(networks)) {
      console.log(`\n## ${framework.name}, the database ${network}`);
      await measureFramework(
        file,
        {
          size,
          folder: build.folder,
          raw: through(raw.url),
          guarded: { url: through(guarded.url), systemUrl: guarded.systemUrl as string },
        },
        cells,
      );
    }
    console.log(
      `\nRequests a second to the same by hand (middle half), ${framework.name}, load now ${loadavg()[0]?.toFixed(1)}\n\n` +
        [
          `| | ${columns.join(" | ")} |`,
          `|---|${columns.map(() => "---|").join("")}`,
          ...WAYS.slice(1).map((way) => `| ${way} | ${cells.get(way)?.join(" | ")} |`),
        ].join("\n"),
    );
  }
} finally {
  for (const step of undo) await step();
}
