import type { Check } from "../check.js";

// Those of the wall itself, which are written to be called by everybody.
const OWN = `(p.pronamespace = to_regnamespace('partywall')
    and p.proname in ('enter', 'observe', 'tenant_text', 'tenant_uuid', 'tenant_bigint', 'confined_text', 'confined_uuid', 'confined_bigint', 'sealed_text', 'sealed_uuid', 'sealed_bigint'))`;

/** Functions that run with somebody else's rights. */
export const functionChecks: readonly Check[] = [
  {
    code: "security-definer",
    severity: "high",
    why: "The function {object} runs with its owner's rights: what it reads and writes is not kept apart for the tenant who calls it.",
    fix: "alter function {object} security invoker, or revoke execute on function {object} from {login}, public.",
    find: `select p.oid::regprocedure::text as object from pg_proc p, login l
where p.prosecdef and p.proowner <> l.oid and has_function_privilege(l.oid, p.oid, 'execute') and not ${OWN}`,
  },
];
