/** Where a tenant is in its life; only `active` tenants can be entered. */
export type TenantStatus = "provisioning" | "active" | "suspended" | "deleted";

/**
 * The customer whose data is kept apart, as the application sees it: frozen, without placement or secrets.
 *
 * @example
 * ```ts
 * import type { Tenant } from "partywall";
 *
 * const greet = (tenant: Tenant<{ plan: string }>) => `${tenant.name} is on ${tenant.fields.plan}`;
 * ```
 */
export interface Tenant<Fields = Readonly<Record<string, unknown>>> {
  /** The identifier stored in every tenant row; never changes. */
  readonly id: string;
  /** A DNS label that names the tenant in addresses and commands; unique, may change. */
  readonly slug: string;
  /** The name people read. */
  readonly name: string;
  readonly status: TenantStatus;
  /** The application's own typed fields. */
  readonly fields: Fields;
}

/** Where one tenant lives. Kept in the registry and on the scope, never on the application's {@link Tenant}. */
export interface Placement {
  /** How the tenant is kept apart: rows of shared tables, a schema, or a database of its own. */
  readonly strategy: "row" | "schema" | "database";
  /** The server it lives on, as the guard names it; `"default"` unless told. */
  readonly server?: string;
  /** The schema or database that holds it; for those strategies, and only for them. */
  readonly name?: string;
  /** Names the tenant's own login to whoever keeps secrets; never a secret itself. Not for `row`. */
  readonly secret?: string;
}
