import { expect } from "vitest";
import type { SealForm } from "partywall/guards/postgres";
import { buildWorld, type World } from "../world.js";

export type { World } from "../world.js";

/** Both forms of the seal; every attack is run against each. */
export const SEALS = ["parameter", "mac"] as const satisfies readonly SealForm[];

/** A world whose tenants share one single connection, so that what one leaves behind reaches the other. */
export const raidedWorld = (
  seal: SealForm,
  options: Omit<NonNullable<Parameters<typeof buildWorld>[0]>, "seal"> = {},
) => buildWorld({ seal, max: 1, ...options });

/** How raw SQL reaches the wire. */
export const WAYS = {
  text: (world: World, sql: string) => world.pool.query(sql),
  extended: (world: World, sql: string) =>
    world.pool.query({ text: sql, queryMode: "extended" } as never),
  several: (world: World, sql: string) => world.pool.query(`select 'first' as marker; ${sql}`),
  transaction: async (world: World, sql: string) => {
    const client = await world.pool.connect();
    // A setting may have the server end the connection while nothing runs on it.
    client.once("error", () => undefined);
    try {
      await client.query("begin");
      const first = await answer(client.query(sql));
      // What the statement changed for its transaction is put to use in the next one.
      const second = await answer(client.query("select * from orders"));
      const third = await answer(client.query("select * from customers"));
      await answer(client.query("commit"));
      return [first, second, third];
    } finally {
      client.release();
    }
  },
} as const;

export type Way = keyof typeof WAYS;

const TOLD = [
  "code",
  "message",
  "detail",
  "hint",
  "where",
  "internalQuery",
  "column",
  "constraint",
];

/** Everything a caller can see of a statement's answer: its rows, or what its error tells. */
export async function answer(outcome: unknown): Promise<unknown> {
  try {
    const result = await outcome;
    const one = (value: unknown) => (value as { rows?: unknown } | null)?.rows ?? value;
    return Array.isArray(result) ? result.map(one) : one(result);
  } catch (error) {
    return { refused: told(error) };
  }
}

function told(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const fields = TOLD.map((name) => [name, (error as unknown as Record<string, unknown>)[name]]);
  const known = Object.fromEntries(fields.filter(([, value]) => value !== undefined));
  return error.cause === undefined ? known : { ...known, cause: told(error.cause) };
}

/** The code of an error that a call must end in; `undefined` where it succeeded. */
export async function codeOf(outcome: Promise<unknown>): Promise<string | undefined> {
  return outcome.then(
    () => undefined,
    (error: { code?: string }) => String(error.code),
  );
}

/** Runs SQL as tenant A, in one way, and returns what came back. */
export const raid = (world: World, sql: string, way: Way = "text") =>
  world.pw.run(world.a.id, () => answer(WAYS[way](world, sql)));

// What only tenant B's rows hold: their notes and names, their amounts, and sums that take them in.
const OF_B = /\bb[123]\b|\b[123]000\b|\b(?:6000|6060)\b/;

/** The first trace of tenant B's rows in what tenant A got, if there is one. */
export function traceOfB(loot: unknown): string | undefined {
  return OF_B.exec(JSON.stringify(loot) ?? "")?.[0];
}

/** Every row of the shared tables as it really is, in one tenant. */
export const truth = async (world: World, tenant: World["a"]) =>
  [await world.rows("orders", tenant), await world.rows("customers", tenant)] as const;

const LOOK = "select * from orders order by id; select * from customers order by id";

/** What is wrong after an attack: nothing, where the wall stood. `before` is B's truth before it. */
export async function breaches(
  world: World,
  before: Awaited<ReturnType<typeof truth>>,
  loot?: unknown,
): Promise<string[]> {
  const found: string[] = [];
  const trace = traceOfB(loot);
  if (trace !== undefined) found.push(`A was given ${JSON.stringify(trace)}`);
  if (JSON.stringify(await truth(world, world.b)) !== JSON.stringify(before)) {
    found.push("B's rows were changed");
  }
  // The next statements on the same connection: first the victim's, then the attacker's.
  for (const tenant of [world.b, world.a]) {
    const seen = await world.pw.run(tenant.id, () => answer(world.pool.query(LOOK)));
    const real = await truth(world, tenant);
    if (JSON.stringify(seen) !== JSON.stringify(real)) {
      const lost = (seen as { refused?: { message?: string } }).refused;
      found.push(
        `${tenant.slug} did not see exactly its own rows afterwards: ${lost ? lost.message : JSON.stringify(seen)}`,
      );
    }
  }
  return found;
}

/** Runs SQL as tenant A in every way and lists what is wrong after each. */
export async function raidEveryWay(
  world: World,
  sql: string,
): Promise<{ readonly breached: string[]; readonly loot: Record<Way, unknown> }> {
  const breached: string[] = [];
  const loot = {} as Record<Way, unknown>;
  for (const way of Object.keys(WAYS) as Way[]) {
    const before = await truth(world, world.b);
    loot[way] = await raid(world, sql, way);
    for (const breach of await breaches(world, before, loot[way])) {
      breached.push(`${way}: ${breach}`);
    }
  }
  return { breached, loot };
}

/** Runs SQL as tenant A in every way and expects the wall to stand; returns what A got. */
export async function expectRepelled(world: World, sql: string): Promise<Record<Way, unknown>> {
  const { breached, loot } = await raidEveryWay(world, sql);
  expect(breached, sql).toEqual([]);
  return loot;
}

/** Expects an attack by code to have touched nothing of B's and to leave both tenants in order. */
export async function expectStanding(
  world: World,
  attack: () => Promise<unknown>,
): Promise<unknown> {
  const before = await truth(world, world.b);
  const loot = await answer(attack());
  expect(await breaches(world, before, loot)).toEqual([]);
  return loot;
}

/** Runs and returns the errors that nobody caught meanwhile, each of which would have ended the process. */
export async function uncaughtDuring(run: () => Promise<unknown>): Promise<string[]> {
  const uncaught: string[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const hear = (error: Error) => uncaught.push(error.message);
  process.on("uncaughtException", hear);
  try {
    await run();
  } finally {
    process.removeListener("uncaughtException", hear);
    for (const listener of others) process.on("uncaughtException", listener);
  }
  return uncaught;
}
