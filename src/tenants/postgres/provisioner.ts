import type { PgLogin } from "../../guards/postgres/servers.js";
import type { TenantLogin } from "../../guards/postgres/router.js";
import type { WallRoles } from "../../guards/postgres/ddl/roles.js";
import { PartywallError } from "../../errors.js";
import type { DeprovisionOptions, DeprovisionReport, RegisteredTenant } from "../deprovision.js";
import { homeOf, type ProvisionedTenant } from "../home.js";
import { migrateAll, type MigrateAllOptions } from "../migrate-all.js";
import { Admins, type AdminPg } from "./admin.js";
import type { SchemaTemplate } from "./clone-schema.js";
import {
  assertDatabaseOf,
  databaseLock,
  provisionDatabase,
  readDatabaseMark,
  wallDatabase,
} from "./database-home.js";
import { deprovision, takeDown } from "./deprovision.js";
import { homePlace } from "./home-place.js";
import {
  assertSchemaOf,
  provisionSchema,
  readSchemaMark,
  schemaLock,
  wallSchema,
} from "./schema-home.js";
import { VacantHomes, type Vacancies, type VacanciesOptions } from "./vacancies.js";
import type { DatabaseTemplate, HomePlace, Works } from "./works.js";

/** Options of {@link provisioner}. */
export interface ProvisionerOptions {
  /**
   * A login of the default server that may create schemas in the application's database and, for tenants with a database
   * or login of their own, databases and roles. Directly, not through a transaction-mode pooler. May be missing while a
   * build imports the module.
   */
  readonly admin: PgLogin | undefined;
  /** The same of further servers, by the names that placements use. */
  readonly servers?: Readonly<Record<string, PgLogin | undefined>>;
  /** The logins of the wall, as given to `applyWall()`. */
  readonly roles: Pick<WallRoles, "app" | "system" | "migrator">;
  /** Name of the tenant column of those tables that have one; `"tenant_id"` unless told. */
  readonly tenantColumn?: string;
  /** Schemas with shared tables and extensions that a migrator of a tenant's schema sees behind it; as given to `guardPg()`. */
  readonly sharedSchemas?: readonly string[];
  /** What new homes are copies of; a strategy without a template is filled by `migrate`. */
  readonly template?: {
    readonly schema?: SchemaTemplate;
    readonly database?: DatabaseTemplate;
  };
  /** Runs the application's own migrator in a home, up to the newest version; may be run again at any time. */
  readonly migrate?: (place: HomePlace) => unknown;
  /** Puts first rows into a tenant's new home, or its rows into the shared tables; may be run again after a failure. */
  readonly seed?: (place: HomePlace) => unknown;
  /** Keeps the login of a tenant whose placement has a `secret`, under that reference. Called before the server knows it. */
  readonly storeSecret?: (reference: string, login: TenantLogin) => unknown;
}

/** Makes, migrates and takes down the homes of tenants. Its functions need no `this`. */
export interface Provisioner {
  /**
   * Makes a tenant's home where its placement says: created, filled and behind the wall, or as it is where that is done.
   * Idempotent; after a crash it resumes. Where a first attempt fails, what it created is taken back, and nothing else.
   * Hand it to `createPartywall({ provision })`. Rejects with `PW_PLACEMENT` for a schema, database or role that is there
   * and not marked as this tenant's.
   */
  provision(tenant: ProvisionedTenant): Promise<void>;
  /**
   * Runs the application's migrator in a tenant's home, then puts what is new behind the wall. Does nothing for a tenant
   * that lives in rows. Rejects with `PW_PLACEMENT` where the home is not the tenant's.
   */
  migrate(tenant: ProvisionedTenant): Promise<void>;
  /**
   * `migrate` for many tenants: the canaries first, then several at once. All are visited; where some fail it rejects
   * with an `EachError` that lists them. Run it again to resume: a home that is up to date costs its migrator's look.
   */
  migrateAll<T extends ProvisionedTenant>(
    tenants: Iterable<T> | AsyncIterable<T>,
    options?: MigrateAllOptions,
  ): Promise<{ readonly succeeded: number }>;
  /**
   * Drops a tenant's schema or database and its own login. The tenant must be suspended or deleted, by the registry and
   * by the database. Idempotent. Rejects with `PW_PLACEMENT` for what is not marked as this tenant's, is used by what is
   * outside it, or was not confirmed.
   */
  deprovision(tenant: RegisteredTenant, options: DeprovisionOptions): Promise<DeprovisionReport>;
  /**
   * Drops a schema or database that a tenant has moved out of, which the placement names, and its own login there; for a
   * mover. Idempotent. Rejects with `PW_PLACEMENT` where the database still lets the tenant in, for what is not marked as
   * this tenant's, and for what is used by what is outside it.
   */
  vacate(tenant: ProvisionedTenant): Promise<DeprovisionReport>;
  /** Homes made ahead for sign-ups. */
  vacancies(options: VacanciesOptions): Vacancies;
}

/**
 * Makes the homes in which tenants live: nothing for rows, schemas cloned from a template or filled by the application's
 * migrator, databases likewise. Opens no socket until it is used.
 *
 * @param pg the application's own `pg`, never the guarded one
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { createPartywall } from "partywall";
 * import { guardPg } from "partywall/guards/postgres";
 * import { homeName, provisioner } from "partywall/tenants";
 *
 * const homes = provisioner(pg, {
 *   admin: process.env["MIGRATION_URL"],
 *   roles: { app: "shop_app", system: "shop_system" },
 *   template: { schema: { schema: "tenant_template", rows: ["countries"] } },
 * });
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: process.env["DATABASE_URL"], system: process.env["SYSTEM_URL"] }),
 *   provision: homes.provision,
 * });
 * const id = crypto.randomUUID();
 * const placement = { strategy: "schema", name: homeName({ id, slug: "acme" }) } as const;
 * await pw.tenants.create({ id, slug: "acme", name: "Acme", placement });
 * ```
 */
export function provisioner(pg: AdminPg, options: ProvisionerOptions): Provisioner {
  const { roles, template = {}, migrate, seed, storeSecret } = options;
  const works: Works = {
    admins: new Admins(pg, options.admin, options.servers),
    roles,
    tenantColumn: options.tenantColumn ?? "tenant_id",
    sharedSchemas: options.sharedSchemas ?? [],
    schemaTemplate: template.schema,
    databaseTemplate: template.database,
    migrate,
    seed,
    storeSecret,
  };
  const migrateOne = (tenant: ProvisionedTenant) => migrateHome(works, tenant);
  return Object.freeze({
    provision: (tenant) => provision(works, tenant),
    migrate: migrateOne,
    migrateAll: (tenants, how) => migrateAll(tenants, migrateOne, how),
    deprovision: (tenant, how) => deprovision(works, tenant, how),
    vacate: (tenant) => takeDown(works, tenant, false),
    vacancies: (how): Vacancies => {
      const homes = new VacantHomes(works, how);
      return Object.freeze<Vacancies>({
        claim: (tenant) => homes.claim(tenant),
        refill: () => homes.refill(),
        returnUnused: (isKnown) => homes.returnUnused(isKnown),
        status: () => homes.status(),
      });
    },
  } satisfies Provisioner);
}

async function provision(works: Works, tenant: ProvisionedTenant): Promise<void> {
  const { strategy, server } = tenant.placement;
  if (strategy === "row") {
    await works.seed?.(homePlace(works, tenant.placement, tenant));
    return;
  }
  const home = homeOf(tenant);
  if (strategy === "schema") {
    return works.admins.alone(server, schemaLock(home), (client) =>
      provisionSchema(client, works, tenant),
    );
  }
  return works.admins.alone(server, databaseLock(home), (client) =>
    provisionDatabase(client, works, tenant),
  );
}

async function migrateHome(works: Works, tenant: ProvisionedTenant): Promise<void> {
  const { strategy, server } = tenant.placement;
  if (strategy === "row") return;
  if (works.migrate === undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      "The provisioner got no `migrate`, so it cannot migrate a home. Give it the application's migrator.",
    );
  }
  const home = homeOf(tenant);
  const isSchema = strategy === "schema";
  await works.admins.alone(
    server,
    isSchema ? schemaLock(home) : databaseLock(home),
    async (client) => {
      const { mark } = await (isSchema ? readSchemaMark : readDatabaseMark)(client, home);
      // One that is not finished is provision()'s to finish.
      const found = mark?.stage === "home" ? mark : undefined;
      (isSchema ? assertSchemaOf : assertDatabaseOf)(found, tenant);
      await works.migrate?.(homePlace(works, tenant.placement, tenant));
      await (isSchema ? wallSchema(client, works, tenant) : wallDatabase(works, tenant));
    },
  );
}
