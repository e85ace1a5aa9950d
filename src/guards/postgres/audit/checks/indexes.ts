import type { Check } from "../check.js";

/** Indexes that are missing, or that row security keeps a query from using. */
export const indexChecks: readonly Check[] = [
  {
    code: "index-missing",
    severity: "low",
    why: "No index of {object} leads with the tenant column, so every statement of a tenant reads every tenant's rows.",
    fix: "Make one (CONCURRENTLY where the table is in use).",
    find: `select t.object, format('create index on %s (%s)', t.object, t.tenant_name) as sql
from tenant_table t where t.home is null and t.has_policy and t.relkind in ('r', 'p') and t.tenant_attnum is not null
  and not exists (select from pg_inherits h where h.inhrelid = t.oid)
  and not exists (select from pg_index i where i.indrelid = t.oid and i.indkey[0] = t.tenant_attnum and i.indisvalid)`,
  },
  {
    // Row security evaluates the policy first, and an operator that could leak its argument only after it.
    // Source: PostgreSQL manual, chapter 41.5 "Rules and Privileges", on LEAKPROOF.
    code: "index-not-leakproof",
    severity: "low",
    why: "The index {object} has a key whose operators are not leakproof, so under row security it cannot serve as a condition.",
    fix: "Use a partial index on the predicate, a type with leakproof comparison (integer, uuid, text, timestamptz), or a range in the C collation instead of LIKE.",
    find: `select distinct i.indexrelid::regclass::text as object
from pg_index i join tenant_table t on t.oid = i.indrelid join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
cross join lateral generate_series(0, i.indnkeyatts - 1) at
join pg_opclass c on c.oid = i.indclass[at]
where t.home is null and i.indkey[at] is distinct from t.tenant_attnum and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
  and exists (select from pg_amop o join pg_operator r on r.oid = o.amopopr join pg_proc f on f.oid = r.oprcode
    where o.amopfamily = c.opcfamily and o.amoplefttype = c.opcintype and o.amoppurpose = 's' and not f.proleakproof
      and case m.amname when 'btree' then o.amoprighttype = c.opcintype and o.amopstrategy = 3
        when 'hash' then o.amoprighttype = c.opcintype and o.amopstrategy = 1 else true end)`,
  },
];
