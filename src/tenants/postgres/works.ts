import { PartywallError } from "../../errors.js";
import type { WallRoles } from "../../guards/postgres/ddl/roles.js";
import type { TenantLogin } from "../../guards/postgres/router.js";
import type { Placement } from "../../scope/tenant.js";
import type { Admins } from "./admin.js";
import type { SchemaTemplate } from "./clone-schema.js";

/** A tenant to provision; `pw.tenants.create()` calls with exactly this. */
export interface ProvisionedTenant {
  readonly id: string;
  readonly slug: string;
  readonly placement: Placement;
}

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

/** `PW_PLACEMENT`: a home is not to be touched. */
export function untouched(home: string, what: string): PartywallError {
  return new PartywallError("PW_PLACEMENT", `The ${home} ${what} It was left untouched.`);
}

/** The home's name. Throws `PW_PLACEMENT` where the placement has none. */
export function homeOf({ placement }: ProvisionedTenant): string {
  if (placement.name !== undefined) return placement.name;
  throw new PartywallError(
    "PW_PLACEMENT",
    "The placement names no schema or database. Name one: homeName() makes a safe one.",
  );
}
