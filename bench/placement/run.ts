// Point reads of many tenants with a schema or a database of their own: node --import tsx bench/placement/run.ts [--smoke]
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import pg from "pg";
import type * as core from "partywall";
import type * as postgres from "partywall/guards/postgres";
import type * as tenantSchema from "../../src/guards/postgres/ddl/tenant-schema.js";
import { buildPackage } from "../support/build.js";
import { ratioTable } from "../support/ratios.js";
import { startServer } from "../support/server.js";
import { interleave, takeSlice, type Measured } from "../support/slices.js";
import { HandKeptPools } from "./hand-kept-pools.js";
import {
  buildDatabases,
  buildLogins,
  buildSchemas,
  buildShared,
  idOf,
  loginOf,
  ROLES,
  schemaOf,
  urlAs,
} from "./homes.js";
import { watchConnections } from "./watch.js";

const smoke = process.argv.includes("--smoke");
const SCHEMAS = smoke ? [1, 5, 20] : [1, 100, 10_000];
const DATABASES = smoke ? 3 : 300;
// Places of their own as databases are, to the router; a thousand databases would be 7 GB.
const LOGINS = smoke ? 4 : 1000;
const BUDGET = smoke ? 2 : 50;
const CONCURRENCY = 16;
const POOL = 8;
const measure = smoke
  ? { rounds: 2, sliceMs: 30, warmMs: 30 }
  : { rounds: 15, sliceMs: 250, warmMs: 1000 };
const READ = "select note from orders where id = $1";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;
const heap = () => {
  gc();
  return process.memoryUsage().heapUsed;
};

const undo: (() => Promise<unknown>)[] = [];
let faults = 0;
const within = (peak: number, most: number) => {
  if (peak > most) faults += 1;
  return `connections at most ${peak} of ${most}${peak > most ? ": EXCEEDED" : ""}`;
};
const random = (most: number) => Math.floor(Math.random() * most);
const measured = (name: string, work: () => Promise<unknown>): Measured => ({
  name,
  slice: (milliseconds) => takeSlice(work, CONCURRENCY, milliseconds),
});

try {
  const build = await buildPackage();
  undo.unshift(build.remove);
  const from = <T>(path: string) => import(`${build.folder}/${path}`) as Promise<T>;
  const { createPartywall } = await from<typeof core>("index.js");
  const guards = await from<typeof postgres>("guards/postgres/index.js");
  const schemas = await from<typeof tenantSchema>("guards/postgres/ddl/tenant-schema.js");
  const server = await startServer();
  undo.unshift(server.stop);
  const shared = await buildShared(server.url, guards);
  console.log(
    `One row by its key, ${CONCURRENCY} callers at a time, tenants at random. Node.js ${process.version}, ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}.${smoke ? " SMOKE: the numbers mean nothing." : ""}`,
  );

  const instance = (realm: string, options: Partial<postgres.GuardPgOptions>) => {
    const guard = guards.guardPg(pg, {
      app: { connectionString: urlAs(shared, { user: ROLES.app }), max: POOL },
      system: urlAs(shared, { user: ROLES.system }),
      ...options,
    });
    const secret = "a secret of the benchmarks, 32 characters or more";
    const pw = createPartywall({ realm, secret, postgres: guard, cache: { max: 20_000 } });
    return { guard, pw };
  };
  const register = async (
    pw: ReturnType<typeof instance>["pw"],
    range: { readonly from: number; readonly to: number },
    placementOf: (at: number) => core.Placement,
  ) => {
    let next = range.from;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (next < range.to) {
          const at = next;
          next += 1;
          const id = idOf(at);
          await pw.tenants.create({ id, slug: `t-${at}`, name: id, placement: placementOf(at) });
        }
      }),
    );
  };

  // A schema each: one pool serves all.
  const bySchema = instance("schemas", {});
  undo.unshift(() => bySchema.pw.close());
  const raw = new pg.Pool({ connectionString: shared, max: POOL });
  // A pool has ended before its connections have, which then die with the server.
  raw.on("error", () => undefined);
  undo.unshift(() => raw.end());
  const watch = await watchConnections(server.url);
  undo.unshift(watch.stop);
  let made = 0;
  const empty = heap();
  for (const count of SCHEMAS) {
    const range = { from: made, to: count };
    await buildSchemas(shared, schemas, range);
    await register(bySchema.pw, range, (at) => ({ strategy: "schema", name: schemaOf(at) }));
    made = count;
    const read = async (at: number) => {
      const { rows } = await bySchema.pw.run(idOf(at), () => bySchema.guard.pool.query(READ, [7]));
      if (rows[0]?.note !== "note 7") throw new Error("a tenant was given something else");
    };
    const slices = await interleave(
      [
        measured("pg, schema written into the text", () =>
          raw.query(`select note from ${schemaOf(random(count))}.orders where id = $1`, [7]),
        ),
        measured("guarded, by schema", () => read(random(count))),
      ],
      measure,
    );
    console.log(`\n${count} schemas\n${ratioTable(slices)}`);
    for (let at = 0; at < count; at += 1) await read(at);
    const known = heap() - empty;
    console.log(
      `${within(watch.peak, POOL)}; ${(known / 1024 / count).toFixed(1)} KiB of heap for each tenant known`,
    );
  }

  // A database each, behind a budget.
  await buildDatabases(server.url, guards, DATABASES);
  const byDatabase = instance("databases", {
    app: { connectionString: urlAs(shared, { user: ROLES.app }), max: 2, idleTimeoutMillis: 2000 },
    budget: { connections: BUDGET, perTenant: 2, waitMs: 60_000 },
  });
  undo.unshift(() => byDatabase.pw.close());
  await register(byDatabase.pw, { from: 0, to: DATABASES }, (at) => ({
    strategy: "database",
    name: `d_${at}`,
  }));
  await bySchema.pw.close();
  const kept = new HandKeptPools(server.url, BUDGET);
  const read = async (at: number) => {
    const { rows } = await byDatabase.pw.run(idOf(at), () =>
      byDatabase.guard.pool.query(READ, [7]),
    );
    if (rows[0]?.note !== "note 7") throw new Error("a tenant was given something else");
  };
  // Four reads in five go to a fifth of the tenants.
  const skewed = () =>
    Math.random() < 0.8 ? random(Math.max(1, DATABASES / 5)) : random(DATABASES);
  const few = () => random(Math.min(DATABASES, Math.floor(BUDGET / 2)));
  for (const [what, pick] of [
    [`${Math.min(DATABASES, Math.floor(BUDGET / 2))} of them in use, which all fit`, few],
    ["four reads in five of a fifth of them", skewed],
    ["all alike", () => random(DATABASES)],
  ] as const) {
    const slices = await interleave(
      [
        measured("pg, pools kept by hand", () => kept.query(`d_${Math.floor(pick())}`, READ, [7])),
        measured("guarded, by database", () => read(Math.floor(pick()))),
      ],
      measure,
    );
    console.log(`\n${DATABASES} databases, ${what}\n${ratioTable(slices)}`);
  }
  await kept.close();
  const alone = async (what: string, work: () => Promise<unknown>) => {
    await sleep(smoke ? 100 : 500);
    const counting = await watchConnections(server.url);
    const until = performance.now() + (smoke ? 100 : 5000);
    let done = 0;
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        while (performance.now() < until) {
          await work();
          done += 1;
        }
      }),
    );
    console.log(`\n${what}, 64 callers at once: ${done} reads, ${within(counting.peak, BUDGET)}`);
    const before = heap();
    await sleep(4000);
    const left = await counting.now();
    console.log(
      `4 s later, idle: ${left} connections, ${((heap() - before) / 1024).toFixed(0)} KiB of heap more than before`,
    );
    if (left > 0) faults += 1;
    await counting.stop();
  };
  await alone(`${DATABASES} databases, all alike`, () => read(random(DATABASES)));
  await byDatabase.pw.close();

  // A thousand places: schemas with a login each.
  await buildLogins(shared, schemas, LOGINS);
  const byLogin = instance("logins", {
    app: { connectionString: urlAs(shared, { user: ROLES.app }), max: 2, idleTimeoutMillis: 2000 },
    budget: { connections: BUDGET, perTenant: 2, waitMs: 60_000 },
    credentials: (secret) => ({ user: secret, password: "secret" }),
  });
  undo.unshift(() => byLogin.pw.close());
  await register(byLogin.pw, { from: 0, to: LOGINS }, (at) => ({
    strategy: "schema",
    name: schemaOf(at),
    secret: loginOf(at),
  }));
  await alone(`${LOGINS} schemas with a login each, all alike`, async () => {
    const at = random(LOGINS);
    const { rows } = await byLogin.pw.run(idOf(at), () => byLogin.guard.pool.query(READ, [7]));
    if (rows[0]?.note !== "note 7") throw new Error("a tenant was given something else");
  });
} finally {
  for (const one of undo) await one();
}
if (faults > 0) {
  console.error("More connections were open than the budget allows, or idle ones were kept.");
  process.exitCode = 1;
}
