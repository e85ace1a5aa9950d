import { quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { homeMark } from "../../guards/postgres/ddl/tenant-schema.js";

/**
 * The comment that says a schema or a database is one tenant's own: `comment on schema tenant_acme is '…'`. Only what
 * carries it, or holds nothing but tables with the wall's policy for that tenant, is ever dropped. `wallTenantSchema` and
 * `wallTenantDatabase` write it.
 *
 * @param tenantId the tenant's id
 *
 * @example
 * ```ts
 * import { ownershipMark } from "partywall/tenants";
 *
 * console.log(`comment on schema tenant_acme is '${ownershipMark("7f0c3c1e")}'`);
 * ```
 */
export function ownershipMark(tenantId: string): string {
  return homeMark(tenantId);
}

/** Asks whether a schema is the tenant's: by its comment, or since every table in it has a policy for this tenant alone. */
export function isMarkedSchema(schema: string, tenantId: string): string {
  const name = quoteLiteral(schema);
  const id = quoteLiteral(tenantId);
  return `select exists (select from pg_namespace n where n.nspname = ${name}) as present,
  coalesce(obj_description(to_regnamespace(quote_ident(${name})), 'pg_namespace') = ${quoteLiteral(ownershipMark(tenantId))}, false)
  or (select coalesce(bool_and(exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'partywall_home' and not p.polpermissive
      and position(quote_literal(${id}) || '::' in pg_get_expr(p.polqual, p.polrelid)) > 0
      and not exists (select from pg_depend d where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refobjid = c.oid and d.refobjsubid > 0))), false)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = ${name} and c.relkind in ('r', 'p')) as own`;
}
