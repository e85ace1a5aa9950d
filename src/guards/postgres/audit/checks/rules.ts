import type { Check } from "../check.js";
import {
  isConfined,
  isFiredByForeignKey,
  isPlainInsert,
  ruleReach,
} from "../../ddl/confinement.js";

const OBJECT = `select format('%I on %I.%I', r.rulename, n.nspname, c.relname) as object
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace`;

/** Rules, whose actions have the rights and the policies of the owner of their table or view. */
export const ruleChecks: readonly Check[] = [
  {
    code: "rule-unconfined",
    severity: "critical",
    why: "What the rule {object} does has its owner's rights, and a tenant table it acts on lacks the policy that confines that role to the tenant of the transaction.",
    fix: "partywall policies --apply",
    find: `${OBJECT} where r.oid in (
  select f.rule from (${ruleReach}) f join tenant_table t on t.oid = f.touched
  where not f.bypasses and not ${isConfined("f")})`,
  },
  {
    code: "rule-bypasses-policies",
    severity: "high",
    why: "What the rule {object} does has the rights of an owner to whom no policy applies, so that a tenant's statement may reach another's rows through it.",
    fix: "Give its table or view to a role that is neither a superuser nor has BYPASSRLS, then partywall policies --apply; or replace the rule by a trigger.",
    find: `${OBJECT} where not ${isPlainInsert} and r.oid in (
  select f.rule from (${ruleReach}) f join tenant_table t on t.oid = f.touched where f.bypasses)`,
  },
  {
    code: "rule-fired-by-foreign-key",
    severity: "high",
    why: "The rule {object} is fired by a foreign key's ON DELETE or ON UPDATE action too, which PostgreSQL runs under no policy; what the rule does then may reach another tenant's rows.",
    fix: "Take the action from the foreign key and have the application send the statement itself; a trigger in the place of the rule would be fired the same way.",
    find: `${OBJECT} where ${isFiredByForeignKey} and r.oid in (
  select f.rule from (${ruleReach}) f join tenant_table t on t.oid = f.touched)`,
  },
];
