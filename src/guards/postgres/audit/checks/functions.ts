import type { Check } from "../check.js";

// Those of the wall itself, which are written to be called by everybody; `wall-function-changed` tells of them.
const OWN = `(p.pronamespace = to_regnamespace('partywall')
    and p.proname in ('enter', 'observe', 'tenant_text', 'tenant_uuid', 'tenant_bigint', 'home_text', 'confined_text', 'confined_uuid', 'confined_bigint', 'sealed_text', 'sealed_uuid', 'sealed_bigint'))`;

const callable = `p.proowner <> l.oid and has_function_privilege(l.oid, p.oid, 'execute') and not ${OWN}`;

/** Functions that run with somebody else's rights, or before the policies. */
export const functionChecks: readonly Check[] = [
  {
    code: "security-definer",
    severity: "high",
    why: "The function {object} runs with its owner's rights: what it reads and writes is not kept apart for the tenant who calls it.",
    fix: "Take the right to call it, or let it run with the caller's rights.",
    find: `select p.oid::regprocedure::text as object, format('revoke execute on routine %s from %I, public', p.oid::regprocedure, l.rolname) as sql
from pg_proc p, login l where p.prosecdef and ${callable}`,
  },
  {
    code: "security-definer-path",
    severity: "high",
    why: "The function {object} runs with its owner's rights and its caller's search path, so the caller chooses which objects its names mean.",
    fix: "Pin the search path to the function's own schema.",
    find: `select p.oid::regprocedure::text as object, format('alter routine %s set search_path = %I, pg_temp', p.oid::regprocedure, n.nspname) as sql
from pg_proc p join pg_namespace n on n.oid = p.pronamespace, login l
where p.prosecdef and ${callable} and not exists (select from unnest(p.proconfig) c where c like 'search\\_path=%')`,
  },
  {
    // Only a superuser can say so; PostgreSQL then calls it for rows that no policy has admitted.
    code: "function-leakproof",
    severity: "high",
    why: "The function {object} is marked LEAKPROOF and so runs on every tenant's rows before the policy: what it raises or writes shows them.",
    fix: "Take the mark away, unless it is certain that the function tells nothing of its arguments.",
    sql: "alter function {object} not leakproof",
    find: `select p.oid::regprocedure::text as object from pg_proc p join pg_namespace n on n.oid = p.pronamespace, login l
where p.proleakproof and p.prolang not in (select oid from pg_language where lanname in ('internal', 'c'))
  and n.nspname not in ('pg_catalog', 'information_schema') and has_function_privilege(l.oid, p.oid, 'execute')`,
  },
];
