import { createHash } from "node:crypto";
import type { SqlClient } from "./catalog.js";
import { qualified, quoteIdentifier, quoteLiteral, type TableName } from "./identifier.js";
import type { TenantTable } from "./policies.js";

/** SQL that is true of a row `r` of `pg_rewrite` whose rule does nothing, or only notifies, and reads no table to decide. */
export const isInert = `(r.ev_action::text ~ '^\\(\\{QUERY :commandType [67] ' and r.ev_action::text !~ ':commandType [1-5] '
    and r.ev_qual::text !~ '\\{SUBLINK ')`;

/**
 * SQL that is true of a row `r` of `pg_rewrite` whose rule only inserts values out of the statement that fires it, without
 * reading a table: no row that is there is met. Whose the new ones are is for their tables' defaults to say.
 */
export const isPlainInsert = `(r.ev_action::text !~ ':commandType [1245] ' and r.ev_action::text !~ ':onConflict \\{'
    and r.ev_qual::text !~ '\\{SUBLINK ')`;

/**
 * SQL that is true of a row `r` of `pg_rewrite` where the action of a foreign key of its table fires the rule. PostgreSQL
 * runs that under no policy, so neither is what the rule does.
 */
export const isFiredByForeignKey = `exists (select from pg_catalog.pg_constraint k where k.conrelid = r.ev_class and k.contype = 'f'
    and case r.ev_type when '4' then k.confdeltype = 'c' when '2' then k.confdeltype in ('n', 'd') or k.confupdtype in ('c', 'n', 'd') else false end)`;

/**
 * A query of what rules reach: `rule`, `ev_class`, `runs_as` and `owner` (the role whose rights and policies its actions
 * have, by oid and by name), `bypasses` (whether no policy applies to that role) and `touched`, a row for each relation
 * that the rule stands on or names. Rules that do nothing are left out, and so are those that make a view.
 *
 * Source: PostgreSQL manual, chapter 41.5 "Rules and Privileges".
 */
export const ruleReach = `select r.oid as rule, r.ev_class, o.oid as runs_as, o.rolname as owner,
    o.rolsuper or o.rolbypassrls as bypasses, t.oid as touched
  from pg_catalog.pg_rewrite r join pg_catalog.pg_class e on e.oid = r.ev_class join pg_catalog.pg_roles o on o.oid = e.relowner
  cross join lateral (
    select r.ev_class as oid union select d.refobjid from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
      and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) t
  where r.ev_type <> '1' and not ${isInert}`;

const CONFINED = String.raw`'^\(NOT \((.+) IS DISTINCT FROM COALESCE\(\( SELECT partywall\.confined_[a-z]+\((.+)::name\) AS confined_[a-z]+\), \1\)\)\)$'`;

/**
 * SQL that is true where the policy which confines a role stands on a table as {@link confinementSql} wrote it.
 *
 * @param reach a row of {@link ruleReach}
 */
export function isConfined(reach: string): string {
  return `exists (select from pg_catalog.pg_policy p
    cross join lateral (select pg_catalog.pg_get_expr(p.polqual, p.polrelid) as read, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as written) x
    where p.polrelid = ${reach}.touched and not p.polpermissive and p.polcmd = '*' and ${reach}.runs_as = any (p.polroles)
      and x.written = x.read and (pg_catalog.regexp_match(x.read, ${CONFINED}))[2] = pg_catalog.quote_literal(${reach}.owner)
      -- Of the same column as the wall's own policy.
      and exists (select from pg_catalog.pg_policy w
        join pg_catalog.pg_depend wd on wd.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and wd.objid = w.oid and wd.refobjid = p.polrelid
        join pg_catalog.pg_depend pd on pd.classid = wd.classid and pd.objid = p.oid and pd.refobjid = p.polrelid and pd.refobjsubid = wd.refobjsubid
        where w.polrelid = p.polrelid and w.polname = 'partywall_tenant' and wd.refobjsubid > 0))`;
}

/** The roles that rules act as on a table, and that policies apply to. */
export async function readConfined(client: SqlClient, table: TableName): Promise<string[]> {
  const { rows } = await client.query(
    `select distinct f.owner::text as owner from (${ruleReach}) f
where f.touched = pg_catalog.to_regclass($1) and not f.bypasses order by 1`,
    [qualified(table)],
  );
  return rows.map(({ owner }) => owner as string);
}

/**
 * The statements that confine a role on one table to the tenant of the transaction. What rules do has the rights and the
 * policies of the owner of their table or view, whoever's statement fires them: within a seal it meets that tenant's rows
 * only, and without one it is refused, unless a session of that role itself began it. Idempotent.
 *
 * Source: PostgreSQL manual, chapter 41.5 "Rules and Privileges".
 */
export function confinementSql(
  { table, column, type }: Pick<TenantTable, "table" | "column" | "type">,
  owner: string,
): string[] {
  const name = qualified(table);
  const role = quoteIdentifier(owner);
  const own = quoteIdentifier(column);
  const sealed = `(select partywall.confined_${type}(${quoteLiteral(owner)}))`;
  const confined = `${own} is not distinct from coalesce(${sealed}, ${own})`;
  const [restrictive, permissive] = ["partywall_as", "partywall_own"].map((prefix) =>
    quoteIdentifier(policyName(prefix, owner)),
  );
  return [
    `grant execute on function partywall.confined_${type}(name) to ${role}`,
    `drop policy if exists ${restrictive} on ${name}`,
    `create policy ${restrictive} on ${name} as restrictive for all to ${role} using (${confined}) with check (${confined})`,
    // An owner that no other policy lets to the rows; an equality, unlike the above, can be looked up in an index.
    `drop policy if exists ${permissive} on ${name}`,
    `create policy ${permissive} on ${name} as permissive for all to ${role} using (${own} = ${sealed}) with check (${own} = ${sealed})`,
  ];
}

// Cut to PostgreSQL's 63 bytes, and still one for each role.
function policyName(prefix: string, owner: string): string {
  const name = `${prefix}_${owner}`;
  if (Buffer.byteLength(name) <= 63) return name;
  return `${prefix}_${createHash("sha256").update(owner).digest("hex").slice(0, 32)}`;
}
