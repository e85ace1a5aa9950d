import { holdsColumn } from "../../ddl/tenant-schema.js";
import type { Check } from "../check.js";

/** Tenant columns that do not hold or receive the tenant as the wall made them. */
export const columnChecks: readonly Check[] = [
  {
    code: "tenant-nullable",
    severity: "medium",
    why: "The tenant column of {object} may be null: such a row is nobody's, and a foreign key with a null in it is not checked.",
    fix: "Give every row its tenant, then forbid null.",
    find: `select t.object, format('alter table %s alter column %s set not null', t.object, t.tenant_name) as sql
from tenant_table t join pg_attribute a on a.attrelid = t.oid and a.attnum = t.tenant_attnum
where t.has_policy and not t.in_rollout and t.relkind <> 'f' and not a.attnotnull`,
  },
  {
    code: "tenant-default",
    severity: "low",
    why: "The default of {object}'s tenant column is not the sealed tenant, so an INSERT that leaves the column out fails.",
    fix: "Set it again, as partywall policies --apply does.",
    find: `select t.object, format('alter table %s alter column %s set default partywall.tenant_%s()', t.object, t.tenant_name, t.tenant_type) as sql
from tenant_table t left join pg_attrdef d on d.adrelid = t.oid and d.adnum = t.tenant_attnum
where t.home is null and t.has_policy and not t.in_rollout and t.relkind <> 'f' and t.tenant_type is not null
  and coalesce(pg_get_expr(d.adbin, d.adrelid), '') !~ ('^\\(?partywall\\.tenant_' || t.tenant_type || '\\(\\)')`,
  },
  {
    code: "home-column-free",
    severity: "medium",
    why: "The tenant column of {object}, in a tenant's own schema, may hold another tenant's id, whose rows these would become where the tenant is moved among shared tables.",
    fix: "Hold it to the tenant, as wallTenantSchema() does.",
    find: `select t.object, format('alter table %1$s alter column %2$s set default %3$L, drop constraint if exists partywall_home, add constraint partywall_home check (%2$s = %3$L)', t.object, t.tenant_name, t.home) as sql
from tenant_table t join pg_attribute a on a.attrelid = t.oid and a.attnum = t.tenant_attnum
where t.home is not null and t.relkind in ('r', 'p') and t.tenant_type is not null and not ${holdsColumn("t.oid", "a", "t.home")}`,
  },
];
