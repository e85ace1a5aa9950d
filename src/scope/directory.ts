import type { Placement, Tenant } from "./tenant.js";

/**
 * How a tenant is named when a scope is opened: its id as a string, or one of `{ id }`, `{ slug }` and `{ domain }`.
 *
 * @example
 * ```ts
 * import type { TenantKey } from "partywall";
 *
 * const keys: TenantKey[] = ["7c9e6679", { id: "7c9e6679" }, { slug: "acme" }];
 * console.log(keys.length); // 3
 * ```
 */
export type TenantKey =
  | string
  | { readonly id: string; readonly slug?: never; readonly domain?: never }
  | { readonly slug: string; readonly id?: never; readonly domain?: never }
  | { readonly domain: string; readonly id?: never; readonly slug?: never };

/** What the registry knows of a tenant that a scope needs; frozen. */
export interface TenantEntry {
  readonly tenant: Tenant;
  readonly placement: Placement;
  /** The tenant's settings, the defaults among them. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Domains of the tenant's own. */
  readonly domains: readonly string[];
}

/** The registry as the scope layer sees it. */
export interface TenantDirectory {
  /** The entry when it is cached and fresh; never waits. */
  peek(key: TenantKey): TenantEntry | undefined;
  /** The entry, through the cache. Throws `PW_TENANT_UNKNOWN` when there is none. */
  lookup(key: TenantKey): Promise<TenantEntry>;
  /** The entry as the store has it now. Throws `PW_TENANT_UNKNOWN` when there is none. */
  reread(id: string): Promise<TenantEntry>;
  /** Ids of the active tenants, read page by page. */
  activeIds(): AsyncIterable<string>;
}
