import { afterEach, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { runScript } from "../../support/roles.js";
import { withClient } from "../../support/postgres.js";
import { mutant, type Cut } from "./attacks/mutant.js";
import { SEALS } from "./attacks/raid.js";
import { brief, rolloutWorld, type RolloutWorld } from "./rollout-world.js";

const ROLLOUT = "guards/postgres/ddl/rollout.ts";
const OBSERVE = "guards/postgres/ddl/observe-sql.ts";
const GUARD = "guards/postgres/rollout.ts";
const TICKET = "guards/postgres/ticket.ts";
const SETTINGS = ["parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"];

const asA = (world: RolloutWorld, text: string, values?: unknown[]) =>
  world.pw.run(world.a.id, () => world.pool.query(text, values));

/** What must be so where nothing is taken away; each tells what is wrong otherwise. */
const PROBES = {
  readsAreTold: async (world: RolloutWorld) => {
    await asA(world, "select * from orders");
    return brief(await world.told()).includes("read public.orders observe") ? [] : ["not told"];
  },
  writesAreTold: async (world: RolloutWorld) => {
    await asA(world, "insert into orders (tenant_id, id) values ($1, 9)", [world.b.id]);
    return brief(await world.told()).includes("write public.orders observe") ? [] : ["not told"];
  },
  ownRowsAreNotTold: async (world: RolloutWorld) => {
    await asA(world, "update orders set note = note where tenant_id = $1", [world.a.id]);
    return brief(await world.told());
  },
  ownRowsAreNotToldInParallel: async (world: RolloutWorld) => {
    await world.unguarded.query(
      `alter role ${world.roles.app} set enable_indexscan = off; alter role ${world.roles.app} set enable_bitmapscan = off;`,
    );
    for (const setting of SETTINGS) {
      await world.unguarded.query(`alter role ${world.roles.app} set ${setting} = 0`);
    }
    await asA(world, "select count(*) from orders where tenant_id = $1", [world.a.id]);
    return brief(await world.told());
  },
  hiddenNoticesAreTold: async (world: RolloutWorld) => {
    await asA(world, "set client_min_messages = error; select * from orders");
    return brief(await world.told()).includes("read public.orders observe") ? [] : ["not told"];
  },
  aStatementIsToldOnce: (world: RolloutWorld) =>
    withClient(world.appUrl, async (plain) => {
      const heard: unknown[] = [];
      plain.on("notice", (notice) => heard.push(notice.code));
      await plain.query("select * from orders");
      return heard.length === 1 ? [] : heard;
    }),
  endsByItself: async (world: RolloutWorld) => {
    await world.passTheEnd();
    const { rows } = await asA(world, "select distinct tenant_id from orders");
    return rows.length === 1 ? [] : ["still open"];
  },
  unsealedIsRefusedAfterTheEnd: async (world: RolloutWorld) => {
    await world.passTheEnd();
    return world.pool.query("select * from orders").then(
      ({ rows }) => (rows.length > 0 ? ["still open"] : ["no error"]),
      () => [],
    );
  },
  nothingIsSentAfterTheEnd: async (world: RolloutWorld) => {
    const now = Date.now;
    Date.now = () => world.until.getTime();
    try {
      return await world.pool.query("select 'sent'").then(
        () => ["sent"],
        () => [],
      );
    } finally {
      Date.now = now;
    }
  },
  reportsNameTheApplication: async (world: RolloutWorld) => {
    await world.pool.query("select * from orders");
    const sites = (await world.told()).map(({ callSite }) => callSite ?? "");
    return sites.every((site) => site.includes("rollout-mutations.test")) ? [] : sites;
  },
} as const;

type ProbeName = keyof typeof PROBES;

interface Mutation {
  readonly gone: string;
  readonly probe: ProbeName;
  readonly sql?: string;
  readonly cuts?: readonly Cut[];
}

const MUTATIONS: readonly Mutation[] = [
  {
    gone: "the database's notice",
    probe: "readsAreTold",
    sql: `create or replace function partywall.observe(target regclass, mode text, kind text, until bigint) returns boolean language sql as 'select true'`,
  },
  {
    gone: "the database's notice",
    probe: "writesAreTold",
    sql: `create or replace function partywall.observe(target regclass, mode text, kind text, until bigint) returns boolean language sql as 'select true'`,
  },
  {
    gone: "the policy's call for what is written",
    probe: "writesAreTold",
    sql: "alter policy partywall_tenant on orders with check (true)",
  },
  {
    gone: "the guard's ear",
    probe: "readsAreTold",
    cuts: [
      {
        file: GUARD,
        find: /if \(notice\.code !== OBSERVED\) return false;/,
        replace: "return false;",
      },
    ],
  },
  {
    gone: "the function's own client_min_messages",
    probe: "hiddenNoticesAreTold",
    cuts: [{ file: OBSERVE, find: / set client_min_messages = notice(?= as)/, replace: "" }],
  },
  {
    gone: "the ban on parallel plans",
    probe: "ownRowsAreNotToldInParallel",
    cuts: [{ file: OBSERVE, find: /parallel unsafe(?= set)/, replace: "parallel restricted" }],
  },
  {
    gone: "the order in which conditions are tried",
    probe: "ownRowsAreNotTold",
    cuts: [{ file: ROLLOUT, find: / >= true(?=`;)/, replace: "" }],
    sql: "drop index if exists orders_tenant_id_idx; alter table orders drop constraint orders_pkey cascade",
  },
  {
    gone: "the sub-select that is evaluated once",
    probe: "aStatementIsToldOnce",
    cuts: [
      {
        file: ROLLOUT,
        find: /\(select partywall\.observe\((.*?)\)\) >= true/,
        replace: "partywall.observe(${target}, '${mode}', '${kind}', ${end})",
      },
    ],
  },
  {
    gone: "the end in what lets rows pass",
    probe: "endsByItself",
    cuts: [{ file: OBSERVE, find: /if \$\{hasEnded\("until"\)\} then/, replace: "if false then" }],
  },
  {
    gone: "the server's clock in the end",
    probe: "endsByItself",
    cuts: [{ file: OBSERVE, find: /pg_catalog\.clock_timestamp\(\)/, replace: "pg_catalog.now()" }],
  },
  {
    gone: "the end in what finds no tenant",
    probe: "unsealedIsRefusedAfterTheEnd",
    cuts: [
      { file: OBSERVE, find: /if \$\{hasEnded\("until"\)\} then/, replace: "if false then" },
      {
        file: "guards/postgres/ddl/seal-sql.ts",
        find: /if \$\{hasEnded\("until"\)\} then/,
        replace: "if false then",
      },
    ],
  },
  {
    gone: "the end in the guard",
    probe: "nothingIsSentAfterTheEnd",
    cuts: [{ file: TICKET, find: /this\.rollout\?\.isOpen === true/, replace: "this.rollout" }],
  },
  {
    gone: "the stack taken when a statement is issued",
    probe: "reportsNameTheApplication",
    cuts: [{ file: GUARD, find: /site: captureCallSite\(\)/, replace: "site: {}" }],
  },
];

for (const seal of SEALS) {
  describeEngine("postgres", `the tests of rollouts themselves, under the ${seal} seal`, () => {
    let world: RolloutWorld | undefined;
    let remove: (() => Promise<void>) | undefined;
    afterEach(async () => {
      await world?.close();
      await remove?.();
      world = remove = undefined;
    });

    const build = async (cuts: readonly Cut[] = []) => {
      const made = cuts.length > 0 ? await mutant(cuts) : undefined;
      remove = made?.remove;
      world = await rolloutWorld({
        seal,
        tables: { orders: "observe" },
        ...(made && { code: made.code }),
      });
      return world;
    };

    for (const [name, probe] of Object.entries(PROBES)) {
      test(`${name} where nothing is taken away`, async () => {
        expect(await probe(await build())).toEqual([]);
      });
    }

    for (const { gone, probe, sql, cuts } of MUTATIONS) {
      test(`not ${probe} without ${gone}`, async () => {
        const built = await build(cuts);
        if (sql) await runScript(built.unguarded, sql);
        expect(await PROBES[probe](built)).not.toEqual([]);
      });
    }
  });
}
