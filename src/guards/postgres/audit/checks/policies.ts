import { quoteLiteral } from "../../ddl/identifier.js";
import type { AuditSubject, Check } from "../check.js";

/** Policies on tenant tables besides the one that keeps tenants apart. */
export function policyChecks({ system, migrator }: AuditSubject): Check[] {
  const across = [system, ...(migrator === undefined ? [] : [migrator])]
    .map((role) => `quote_ident(${quoteLiteral(role)})`)
    .join(" || ', ' || ");
  return [
    {
      // The restrictive policy still holds; with it gone, this one would let every row pass.
      code: "policy-extra",
      severity: "high",
      why: "The policy {object} admits rows to the login or to PUBLIC and is not the wall's, so only the restrictive policy stands between tenants.",
      fix: "Drop it, or name the roles that it is for.",
      find: `select format('%I on %s', p.polname, t.object) as object,
  case p.polname when 'partywall_app' then format('alter policy %I on %s to %I', p.polname, t.object, l.rolname)
    when 'partywall_across' then format('alter policy %I on %s to ', p.polname, t.object) || ${across}
    else format('drop policy %I on %s', p.polname, t.object) end as sql
from pg_policy p join tenant_table t on t.oid = p.polrelid, login l
where p.polpermissive and p.polname not in ('partywall_tenant', 'partywall_home') and (0 = any (p.polroles) or p.polroles && array(select oid from becomes))
  and not (p.polname = 'partywall_app' and p.polroles = array[l.oid])`,
    },
  ];
}
