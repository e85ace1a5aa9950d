import type { WallRoles } from "../../guards/postgres/ddl/roles.js";
import type { TenantLogin } from "../../guards/postgres/router.js";
import type { Placement } from "../../scope/tenant.js";
import type { ProvisionedTenant } from "../home.js";
import type { Admins } from "./admin.js";
import type { SchemaTemplate } from "./clone-schema.js";

/** A database that new ones are copies of. */
export interface DatabaseTemplate {
  /** Name of the database; nobody may be connected to it while it is copied. */
  readonly database: string;
  /** How PostgreSQL copies it; `"wal_log"` unless told, `"file_copy"` for one of many megabytes. */
  readonly copy?: "wal_log" | "file_copy";
}

/** Where a home is, for the application's own migrator and seed. */
export interface HomePlace {
  /** Whose home it will be or is; absent while a home is filled for the pool. */
  readonly tenant?: ProvisionedTenant;
  readonly strategy: Placement["strategy"];
  /** Name of the schema; of the strategy `schema`. */
  readonly schema?: string;
  /** Name of the database; of the strategy `database`. */
  readonly database?: string;
  /** A `pg` configuration of the admin login that is in the home: the database chosen, `search_path` set. Holds secrets. */
  readonly connection: Readonly<Record<string, unknown>>;
  /** The same as an address, for migrators that take one; absent where the admin login is not given as one. */
  readonly connectionString?: string;
}

/** What the provisioner's parts work with. */
export interface Works {
  readonly admins: Admins;
  readonly roles: Pick<WallRoles, "app" | "system" | "migrator">;
  readonly tenantColumn: string;
  readonly sharedSchemas: readonly string[];
  readonly schemaTemplate: SchemaTemplate | undefined;
  readonly databaseTemplate: DatabaseTemplate | undefined;
  readonly migrate: ((place: HomePlace) => unknown) | undefined;
  readonly seed: ((place: HomePlace) => unknown) | undefined;
  readonly storeSecret: ((reference: string, login: TenantLogin) => unknown) | undefined;
}
