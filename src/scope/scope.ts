import type { Placement, Tenant } from "./tenant.js";

interface ScopeBase {
  /** Name of the Partywall instance that opened the scope; another instance does not see it. */
  readonly realm: string;
  /** The scope this one was opened in. */
  readonly parent: Scope | undefined;
  /** Who is acting, as given when a tenant's scope was opened; scopes opened inside inherit it. */
  readonly principal?: unknown;
}

/** The asynchronous execution in which one tenant is current. */
export interface TenantScope extends ScopeBase {
  readonly kind: "tenant";
  readonly tenant: Tenant;
  readonly placement: Placement;
  /** The tenant's settings as they were when the scope was opened, the defaults among them. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Domains of the tenant's own, as they were when the scope was opened. */
  readonly domains: readonly string[];
}

/** Execution that belongs to no tenant: shared tables only. */
export interface CentralScope extends ScopeBase {
  readonly kind: "central";
}

/** Execution across tenants, with a stated reason, through its own database login. */
export interface SystemScope extends ScopeBase {
  readonly kind: "system";
  readonly reason: string;
  /** The database server it works on; absent for the default one. */
  readonly server?: string;
}

/** What is current in an asynchronous execution. */
export type Scope = TenantScope | CentralScope | SystemScope;
