// What row security costs statements that read many rows: node --import tsx bench/rls/run.ts [--smoke]
import { availableParallelism, loadavg } from "node:os";
import { isDeepStrictEqual } from "node:util";
import pg from "pg";
import type * as core from "partywall";
import type * as postgres from "partywall/guards/postgres";
import { buildPackage } from "../support/build.js";
import { ratioTable } from "../support/ratios.js";
import { tenantIds } from "../support/rows.js";
import { startServer } from "../support/server.js";
import { interleave, median, takeSlice } from "../support/slices.js";
import { buildOrders } from "./orders.js";
import { goesByTenant, scansOf, type Explained } from "./plans.js";
import { QUESTIONS, type Question } from "./questions.js";

const smoke = process.argv.includes("--smoke");
const size = smoke ? { tenants: 10, rowsPerTenant: 50 } : { tenants: 1000, rowsPerTenant: 1000 };
const measure = smoke
  ? { rounds: 2, sliceMs: 30, warmMs: 30 }
  : { rounds: 15, sliceMs: 200, warmMs: 500 };

interface Reader {
  readonly name: string;
  /** Rows of one tenant; `prefix` stands before the statement. */
  ask(question: Question, tenant: string, prefix?: string): Promise<Record<string, unknown>[]>;
}

const undo: (() => Promise<unknown>)[] = [];
try {
  const build = await buildPackage();
  undo.unshift(build.remove);
  const server = await startServer();
  undo.unshift(server.stop);
  const orders = await buildOrders(server.url, size);
  undo.unshift(orders.close);
  const tenants = tenantIds(size);

  const raw = new pg.Pool({ connectionString: orders.raw, max: 1 });
  undo.unshift(() => raw.end());
  const readers: Reader[] = [
    {
      name: "pg, manual WHERE",
      ask: async ({ manual, values }, tenant, prefix = "") =>
        (await raw.query(prefix + manual, [...values, tenant])).rows,
    },
  ];
  const { createPartywall } = (await import(`${build.folder}/index.js`)) as typeof core;
  const { guardPg } = (await import(`${build.folder}/guards/postgres/index.js`)) as typeof postgres;
  for (const [seal, prepared] of [
    ["parameter", false],
    ["mac", false],
    ["parameter", true],
    ["mac", true],
  ] as const) {
    const { app, system } = orders.walled[seal];
    const guard = guardPg(pg, {
      app: { connectionString: app, max: 1 },
      system,
      preparedStatements: prepared,
    });
    const pw = createPartywall({
      realm: "bench",
      secret: "a secret of the benchmarks, 32 characters or more",
      postgres: guard,
    });
    undo.unshift(() => pw.close());
    for (const id of tenants) await pw.tenants.create({ id, slug: `t-${id}`, name: id });
    readers.push({
      name: `guarded, ${seal} seal${prepared ? ", prepared" : ""}`,
      ask: ({ guarded, values }, tenant, prefix = "") =>
        pw.run(tenant, async () => (await guard.pool.query(prefix + guarded, [...values])).rows),
    });
  }

  const { rows } = await raw.query("show server_version");
  console.log(
    `Many rows of one tenant in one statement, ${size.tenants} tenants of ${size.rowsPerTenant} rows.\n` +
      `Node.js ${process.version}, PostgreSQL ${rows[0].server_version}, ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}.\n` +
      `${measure.rounds} slices of ${measure.sliceMs} ms each, one connection each. Aim: 0.9 of the first line.${smoke ? " SMOKE: the numbers mean nothing." : ""}`,
  );
  const [first, ...guarded] = readers as [Reader, ...Reader[]];
  for (const question of QUESTIONS) {
    console.log(`\n## ${question.name}`);
    const expected = await first.ask(question, tenants[0] as string);
    if (expected.length === 0) throw new Error(`"${question.name}" finds no row.`);
    for (const reader of guarded) {
      if (isDeepStrictEqual(await reader.ask(question, tenants[0] as string), expected)) continue;
      throw new Error(`${reader.name} answers "${question.name}" otherwise than by hand.`);
    }
    for (const reader of readers) {
      const [plan] = await reader.ask(question, tenants[0] as string, "explain (format json) ");
      const scans = scansOf(plan?.["QUERY PLAN"] as Explained);
      const tenant = () => tenants[Math.floor(Math.random() * tenants.length)] as string;
      const times: Explained[number][] = [];
      for (let n = 0; n < (smoke ? 2 : 50); n += 1) {
        const analyze = "explain (analyze, timing off, format json) ";
        const [row] = await reader.ask(question, tenant(), analyze);
        times.push(...(row?.["QUERY PLAN"] as Explained));
      }
      const planning = median(times.map((time) => time["Planning Time"] ?? Number.NaN));
      const execution = median(times.map((time) => time["Execution Time"] ?? Number.NaN));
      const took = `planned in ${planning.toFixed(3)} ms, run in ${execution.toFixed(3)} ms`;
      console.log([`${reader.name}: ${took}`, ...scans].join("\n  "));
      // So few rows are read faster without an index.
      if (smoke || goesByTenant(scans)) continue;
      throw new Error(`${reader.name} does not read "${question.name}" by the tenant's index.`);
    }
    let n = 0;
    const all = readers.map((reader) => ({
      name: reader.name,
      slice: (milliseconds: number) =>
        takeSlice(
          () => reader.ask(question, tenants[(n++ * 7919) % tenants.length] as string),
          1,
          milliseconds,
        ),
    }));
    console.log(ratioTable(await interleave(all, measure)));
  }
} finally {
  for (const step of undo) await step();
}
