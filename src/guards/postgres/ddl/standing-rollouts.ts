import { PartywallError } from "../../../errors.js";
import type { SqlClient } from "./catalog.js";
import { quoteLiteral } from "./identifier.js";
import { hasEnded } from "./observe-sql.js";
import type { RolloutMode } from "./rollout.js";

/**
 * The regular expression of PostgreSQL for the condition of a policy in rollout, as `pg_get_expr` prints it; it
 * captures the type, the end and the mode.
 *
 * @param schema the expression for the wall's schema as it is printed
 */
function conditionPattern(schema: string): string {
  return String.raw`^\(\([^=]+ = \( SELECT ${schema}sealed_([a-z]+)\('([0-9]+)'::bigint\) AS sealed_\1\)\) OR \(\( SELECT ${schema}observe\(E?'[^']*(?:''[^']*)*'::regclass, '(observe|stamp)'::text, 'read'::text, '\2'::bigint\) AS observe\) >= true\)\)$`;
}

/** That expression, for a session whose search path leaves the wall's schema out. */
export const ROLLOUT_CONDITION = quoteLiteral(conditionPattern(String.raw`partywall\.`));

/** SQL that makes of a policy's condition for reading the one for writing. */
export const writtenCondition = (read: string) =>
  `pg_catalog.replace(${read}, ', ''read''::text, ', ', ''write''::text, ')`;

// Known by the function they call, however the text is printed: one that was changed must not go unseen.
const STANDING = `
select n.nspname as schema, c.relname as name, m.parts[3] as mode, m.parts[2] as until,
  case when m.parts is not null and ${writtenCondition("m.read")} = pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    then not ${hasEnded("m.parts[2]::bigint")} end as open
from pg_catalog.pg_policy p
join pg_catalog.pg_class c on c.oid = p.polrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (select pg_catalog.pg_get_expr(p.polqual, p.polrelid) as read) q
cross join lateral (select q.read, pg_catalog.regexp_match(q.read, ${quoteLiteral(conditionPattern(String.raw`(?:partywall\.)?`))}) as parts) m
where p.polname = 'partywall_tenant' and exists (select from pg_catalog.pg_depend d
  join pg_catalog.pg_proc f on f.oid = d.refobjid and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  where d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = p.oid
    and f.proname = 'observe' and f.pronamespace = pg_catalog.to_regnamespace('partywall'))
order by n.nspname, c.relname`;

/** A table that the wall does not guard yet; see {@link openRollouts}. */
export interface OpenRollout {
  /** With its schema, `"public.orders"`. */
  readonly table: string;
  readonly mode: RolloutMode;
  /** The moment from which it is enforced. */
  readonly until: Date;
}

/**
 * Lists the tables in rollout that have not ended, by the server's clock, partitions and children each for itself.
 * Reads the live catalogue; every login may. Throws `PW_GUARD_BYPASSED` where a policy in rollout was changed by hand.
 *
 * @param client a connected client or pool of any login
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { openRollouts } from "partywall/guards/postgres";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * for (const { table, mode, until } of await openRollouts(client)) {
 *   console.warn(`${table} is not enforced (${mode}) until ${until.toISOString()}`);
 * }
 * await client.end();
 * ```
 */
export async function openRollouts(client: SqlClient): Promise<OpenRollout[]> {
  const { rows } = await client.query(STANDING);
  return rows.flatMap(({ schema, name, mode, until, open }) => {
    const table = `${String(schema)}.${String(name)}`;
    if (open === null) {
      throw new PartywallError(
        "PW_GUARD_BYPASSED",
        `The policy partywall_tenant on ${table} is a rollout's, but was changed by hand. Run applyWall().`,
      );
    }
    return open === true
      ? [{ table, mode: mode as RolloutMode, until: new Date(Number(until)) }]
      : [];
  });
}
