import pg from "pg";
import { LATE_FAILURES } from "./late-failure.js";
import { ASKING, neighbourhood, strays, type Neighbour } from "./neighbourhood.js";
import { answer, breaches, codeOf, raid, raidEveryWay, truth, type World } from "./raid.js";

/** One question to the wall. What comes back is what got through: nothing, where it stands. */
export type Probe = (world: World) => Promise<string[]>;

const hex = (id: string) => Buffer.from(id).toString("hex");
const inA = <T>(world: World, fn: () => T) => world.pw.run(world.a.id, fn);
const inB = <T>(world: World, fn: () => T) => world.pw.run(world.b.id, fn);
const isRefused = (loot: unknown) => typeof loot === "object" && loot !== null && "refused" in loot;

async function firstBreach(world: World, statements: readonly string[]): Promise<string[]> {
  for (const sql of statements) {
    const { breached } = await raidEveryWay(world, sql);
    if (breached.length > 0) return breached.map((breach) => `${sql}: ${breach}`);
  }
  return [];
}

/** SQL that must be refused, in whatever way it is sent. */
const refuses =
  (...statements: readonly string[]): Probe =>
  async (world) => {
    const passed: string[] = [];
    for (const sql of statements) {
      if (!isRefused(await raid(world, sql))) passed.push(`${sql} was not refused`);
    }
    return passed;
  };

const rowsAcross: Probe = (world) =>
  firstBreach(world, [
    "select * from orders",
    `update orders set note = 'taken' where tenant_id = '${world.b.id}'`,
    `insert into orders (tenant_id, id, note) values ('${world.b.id}', 60, 'planted')`,
    "truncate orders",
  ]);

const forgedSeal: Probe = (world) =>
  firstBreach(
    world,
    [
      ["backtrace_functions", `pw_${hex(world.b.id)}`],
      ["partywall.seal", `${"0".repeat(64)}${world.b.id}`],
    ].flatMap(([name, value]) => [
      `select set_config('${name}', '${value}', true)`,
      `select set_config('${name}', '${value}', true); select * from orders`,
    ]),
  );

const replayedSeal: Probe = async (world) => {
  const stolen = (await inB(world, () =>
    answer(
      world.pool.query(
        "select current_setting('backtrace_functions') as p, coalesce(current_setting('partywall.seal', true), '') as s",
      ),
    ),
  )) as [{ p: string; s: string }];
  return firstBreach(world, [
    `select set_config('backtrace_functions', '${stolen[0].p}', true)`,
    `select set_config('partywall.seal', '${stolen[0].s}', true)`,
  ]);
};

const withoutScope: Probe = async (world) => {
  const passed: string[] = [];
  for (const sql of ["select * from orders", "select * from plans", "begin"]) {
    const code = await codeOf(world.pool.query(sql));
    if (code !== "PW_NO_SCOPE")
      passed.push(`${sql} without a scope was sent (${code ?? "it ran"})`);
  }
  return passed;
};

const crowd = new WeakMap<World, Promise<Neighbour[]>>();
const crowdedPool: Probe = async (world) => {
  if (!crowd.has(world)) crowd.set(world, neighbourhood(world, 30));
  const neighbours = (await crowd.get(world)) as Neighbour[];
  return strays(world, neighbours, Object.keys(ASKING));
};

const strangerInTransaction: Probe = async (world) => {
  const client = await world.pool.connect();
  try {
    await inA(world, () => client.query("begin"));
    await inA(world, () => client.query("select note from orders"));
    const loot = await inB(world, () =>
      answer(client.query("select note from orders order by id")),
    );
    await inA(world, () => client.query("rollback"));
    return isRefused(loot) ? [] : [`B was served in A's transaction: ${JSON.stringify(loot)}`];
  } finally {
    client.release();
  }
};

const leftBehind: Probe = (world) =>
  firstBreach(world, [
    "set search_path = nowhere",
    "set statement_timeout = '1ms'; select 1",
    "select set_config('statement_timeout', '1ms', false)",
    "select * into temp orders from public.orders limit 0",
    "begin; update orders set note = 'left open'",
  ]);

const heldCursor: Probe = async (world) => {
  await inB(world, () =>
    world.pool.query("declare loot cursor with hold for select note from orders"),
  );
  const before = await truth(world, world.b);
  return breaches(world, before, await raid(world, "fetch all from loot"));
};

const answersOutOfStep: Probe = async (world) => {
  const look = (run: typeof inA) =>
    run(world, () => answer(world.pool.query("select note from orders order by id")));
  const strayed: string[] = [];
  for (const attack of Object.values(LATE_FAILURES)) {
    for (let n = 0; n < 5; n += 1) {
      const attacked = inA(world, () => attack(world));
      const [theirs, mine] = await Promise.all([look(inB), look(inA), attacked]);
      const seen = JSON.stringify([theirs, mine]);
      const own = ["b", "a"].map((slug) => [1, 2, 3].map((row) => ({ note: `${slug}${row}` })));
      if (seen !== JSON.stringify(own)) strayed.push(seen);
    }
  }
  return strayed;
};

const replacedName: Probe = async (world) => {
  const own = { name: "by-id", text: "select note from orders where id = $1", values: [1] };
  const look = async (run: typeof inB) => run(world, () => answer(world.pool.query(own)));
  // Twice each: a statement is there to be replaced once it is known.
  for (const run of [inA, inB, inA, inB]) await look(run);
  const listed = await inA(world, () =>
    answer(world.pool.query("select name from pg_prepared_statements")),
  );
  const names = Array.isArray(listed) ? listed.map(({ name }) => String(name)) : [];
  for (let n = 0; n < 10; n += 1) names.push(`statement-${n}`);
  const plant = ["deallocate all"];
  for (const name of new Set(["by-id", ...names])) {
    plant.push(`prepare "${name}" (bytea) as select 'caught ' || encode($1, 'hex') as note`);
  }
  await raid(world, plant.join("; "));
  const seen = JSON.stringify(await look(inB));
  return seen === '[{"note":"b1"}]' ? [] : [`B's prepared statement gave ${seen}`];
};

const changedMeaning: Probe = async (world) => {
  const text = "select (1 = null) is null as unknown";
  await inA(world, async () => {
    const client = await world.pool.connect();
    await client.query("begin");
    await client.query("set local transform_null_equals = on");
    for (let n = 0; n < 3; n += 1) await client.query(text);
    await client.query("commit");
    client.release();
  });
  const seen = JSON.stringify(await inB(world, () => answer(world.pool.query(text))));
  return seen === '[{"unknown":true}]' ? [] : [`B's statement meant what A had set: ${seen}`];
};

/** What one tenant leaves where the other can find it. */
const mailbox =
  (leave: string, find: string): Probe =>
  async (world) => {
    await raid(world, leave);
    const found = await inB(world, () => answer(world.pool.query(find)));
    return isRefused(found) ? [] : [`B read what A left by ${leave}`];
  };

/** What A does while B's statement runs on a connection of its own. */
const whileBRuns = async (world: World, sql: string) => {
  const other = new world.guard.Client({ connectionString: world.appUrl });
  other.on("error", () => undefined);
  await other.connect();
  const running = inB(world, () =>
    answer(other.query("select pg_sleep(0.3), 'secret of b' as word")),
  );
  const loot = await raid(world, sql);
  const outcome = await running;
  await other.end().catch(() => undefined);
  return { loot, outcome };
};

const disturbedStatement: Probe = async (world) => {
  const { outcome } = await whileBRuns(
    world,
    "select pg_sleep(0.1), pg_cancel_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()",
  );
  return isRefused(outcome) ? ["A ended B's statement"] : [];
};

const watchedStatement: Probe = async (world) => {
  // New connections, because what the role says counts when one begins.
  await world.unguarded.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1",
    [world.roles.app],
  );
  await answer(inA(world, () => world.pool.query("select 1")));
  const { loot } = await whileBRuns(
    world,
    "select pg_sleep(0.1); select query from pg_stat_activity",
  );
  return JSON.stringify(loot).includes("secret of b") ? ["A read the text of B's statement"] : [];
};

const outlastedGrace: Probe = async (world) => {
  // Another process's connection: this one knows nothing of it.
  const stranger = new pg.Client({ connectionString: world.appUrl });
  stranger.on("error", () => undefined);
  await stranger.connect();
  try {
    await stranger.query("begin");
    await stranger.query("select 1");
    await world.pw.tenants.suspend(world.a.id).catch(() => undefined);
    const code = await codeOf(stranger.query("select 1"));
    return code === undefined ? ["a transaction outlasted the suspension"] : [];
  } finally {
    await stranger.end().catch(() => undefined);
  }
};

/** Every probe, by the name under which mutations call for it. */
export const PROBES = {
  rowsAcross,
  forgedSeal,
  replayedSeal,
  withoutScope,
  crowdedPool,
  strangerInTransaction,
  leftBehind,
  heldCursor,
  answersOutOfStep,
  replacedName,
  changedMeaning,
  disturbedStatement,
  watchedStatement,
  outlastedGrace,
  plantedTable: mailbox(
    "create table public.loot as select note from orders",
    "select * from loot",
  ),
  largeObject: mailbox("select lo_from_bytea(4242, 'of A')", "select lo_get(4242)"),
  doBlock: refuses("do $$ begin perform 1; end $$"),
  preparedNames: refuses(
    "select name from pg_prepared_statements",
    "select pg_prepared_statement()",
  ),
  listedSeals: refuses("select * from partywall.seals"),
  trigger: refuses(
    "create trigger t before update on orders for each row execute function suppress_redundant_updates_trigger()",
  ),
  anotherRole: refuses("create role planted; rollback"),
} as const satisfies Record<string, Probe>;

export type ProbeName = keyof typeof PROBES;
