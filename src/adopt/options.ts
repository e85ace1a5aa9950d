import type { SealForm, WallRoles, WallRollout } from "../guards/postgres/index.js";

/** Whose rows a table holds: a tenant's each, everybody's, or none of the wall's business. */
export type TableKind = "tenant" | "shared" | "unmanaged";

/** How one table is adopted. */
export interface TableChoice {
  readonly kind: TableKind;
  /** Of a tenant table: its tenant column, where it has another name, or where one is there already. */
  readonly column?: string;
  /**
   * Of a tenant table: an SQL expression over the row that gives its tenant, for rows that are not all the same
   * tenant's. Evaluated in an UPDATE of the table, so a sub-select may follow a foreign key. Default: the tenant of
   * {@link AdoptOptions.tenant}.
   */
  readonly assign?: string;
  /** Of a tenant table: its primary key; default {@link AdoptOptions.keys}. */
  readonly keys?: "id" | "composite";
  /** Of a shared table: whether every scope may write it. */
  readonly writable?: boolean;
}

/** What is adopted, and how. */
export interface AdoptOptions {
  readonly roles: WallRoles;
  /** Id of the tenant that the rows which are there become the property of. */
  readonly tenant: string;
  /** Type of the tenant columns; default: what `tenant` looks like, `uuid`, `bigint` or else `text`. */
  readonly tenantType?: "uuid" | "bigint" | "text";
  /** Name of the tenant column; default `tenant_id`. */
  readonly column?: string;
  /** Schemas whose tables are adopted; default `public`. */
  readonly schemas?: readonly string[];
  /** Choices by table, `orders` or `sales.orders`. */
  readonly tables?: Readonly<Record<string, TableKind | TableChoice>>;
  /** What a table is that `tables` does not name; default `tenant`. */
  readonly otherwise?: TableKind;
  /**
   * Primary keys. `auto` (default): they stay where values are unique in the whole world (uuid, identity, serial),
   * and get the tenant in front where tenants would collide. `id`: all stay. `composite`: all get it.
   */
  readonly keys?: "auto" | "id" | "composite";
  readonly seal?: SealForm;
  /** Role name of the login of `postgresStore`, for which its table `partywall.tenants` is created; default: it is left alone. */
  readonly registry?: string;
  /** Tables that `enforce` puts behind the wall as observed or stamped only, until a date. See `docs/guides/rollout.md`. */
  readonly rollout?: WallRollout;
  /** Objects whose obstacle has been looked at and may stay, as the obstacle names them. */
  readonly acknowledge?: readonly string[];
}
