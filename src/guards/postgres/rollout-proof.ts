import type { SqlClient } from "./ddl/catalog.js";
import { NO_TENANT } from "./ddl/seal-sql.js";

interface TableInRollout {
  readonly table: string;
  readonly mode: string;
  /** In milliseconds since 1970. */
  readonly until: number;
  readonly ended: boolean;
}

/** The SQLSTATE that a statement ends in; `undefined` where it succeeds. */
export function codeOf(client: SqlClient, text: string): Promise<string | undefined> {
  return client.query(text).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
}

/**
 * What is wrong with the tables in rollout, if anything is. One whose end has come is enforced by the same policy, so
 * it may stay; one that is open needs a guard that knows of it, and ends no later.
 *
 * @param tables as the self-test's query tells of them
 * @param own the end of the guard's own rollout; absent where it has none that is open
 */
export async function rolloutFault(
  client: SqlClient,
  tables: unknown,
  own: number | undefined,
): Promise<string | undefined> {
  const rollouts = tables as readonly TableInRollout[];
  if (rollouts.length === 0) return undefined;
  for (const { table, mode, until, ended } of rollouts) {
    const end = new Date(until).toISOString();
    if (ended) continue;
    if (own === undefined) {
      return `the table ${table} is in rollout (${mode}) until ${end}, and guardPg() has no \`rollout\` that is open; run applyWall() without it, or pass { rollout } with that end`;
    }
    if (until > own) {
      return `the table ${table} is in rollout (${mode}) until ${end}, later than the \`rollout\` of guardPg(); give both the same end`;
    }
  }
  // What such tables call must close with their end: here with one that has passed.
  if ((await codeOf(client, "select partywall.sealed_text(0)")) !== NO_TENANT) {
    return "an unsealed statement was not told that no tenant is sealed where a rollout has ended";
  }
  const { rows } = await client.query(
    "select partywall.observe('pg_catalog.pg_class', 'observe', 'read', 0) as passes",
  );
  return rows[0]?.["passes"] === false ? undefined : "a rollout that has ended lets rows pass";
}
