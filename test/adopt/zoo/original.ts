import type pg from "pg";
import type { Asker } from "./answers.js";
import type { Holder } from "./contents.js";
import type { Habitat } from "./habitat.js";

/** Takes away the rows that a tenant is not to see: `prune`, or all of the tenants' tables where there is none. */
async function takeAway(
  habitat: Habitat,
  keeper: pg.Client,
  roots: readonly Holder[],
  prune: string | undefined,
): Promise<void> {
  // Neither triggers nor foreign keys nor rules have a say in it.
  for (const { sql } of roots) await keeper.query(`alter table ${sql} disable trigger all`);
  await keeper.query("set local session_replication_role = replica");
  if (prune !== undefined) await keeper.query(habitat.named(prune));
  else for (const { sql } of roots) await keeper.query(`delete from ${sql}`);
}

/** What the former application would see of the original without those rows; it stays as it is. */
export async function seenWithout<T>(
  habitat: Habitat,
  keeper: pg.Client,
  roots: readonly Holder[],
  prune: string | undefined,
  see: (asker: Asker) => Promise<T>,
): Promise<T> {
  await keeper.query("begin");
  try {
    await takeAway(habitat, keeper, roots, prune);
    await keeper.query(`set local role ${habitat.name}_former`);
    return await see(keeper);
  } finally {
    await keeper.query("rollback");
  }
}

/** Takes the rows of every other tenant out of the original for good. */
export async function keepOnly(habitat: Habitat, keeper: pg.Client, prune: string): Promise<void> {
  await keeper.query("begin");
  await keeper.query("set local session_replication_role = replica");
  await keeper.query(habitat.named(prune));
  await keeper.query("commit");
}
