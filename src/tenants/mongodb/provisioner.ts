import { PartywallError } from "../../errors.js";
import { assertRealm } from "../../scope/realm.js";
import type { DeprovisionOptions, DeprovisionReport, RegisteredTenant } from "../deprovision.js";
import { homeOf, type ProvisionedTenant } from "../home.js";
import { migrateAll, type MigrateAllOptions } from "../migrate-all.js";
import { Admins, type AdminClient, type AdminMongo } from "./admin.js";
import { collectionsOf, provisionDatabase, takeLease } from "./database-home.js";
import { deprovision, takeDown } from "./deprovision.js";
import { homePlace } from "./home-place.js";
import { assertPlaceable } from "./placeable.js";
import { assertMarkedFor, readMark } from "./mark.js";
import { assertSharedPlace } from "./shared-place.js";
import { makeCollections, type CollectionTemplate, type DatabaseTemplate } from "./template.js";
import type { HomePlace, Works } from "./works.js";

/** Options of {@link provisioner}. */
export interface ProvisionerOptions<Client = AdminClient> {
  /**
   * Connection string of a login of the default server that may create, list and drop databases, with the name of the database that
   * tenants share by row, as in the guard's `app`. May be missing while a build imports the module.
   */
  readonly admin: string | undefined;
  /** The same of further servers, by the names that placements use. */
  readonly servers?: Readonly<Record<string, string | undefined>>;
  /** Name of the instance whose tenants these are; `"default"` unless told, as for `createPartywall()`. */
  readonly realm?: string;
  /** The field that documents of tenants carry by row, as given to `guardMongo()`; `"tenantId"` unless told. */
  readonly tenantField?: string;
  /** A database whose collections, options and indexes new ones get, without the tenant's field. */
  readonly template?: DatabaseTemplate;
  /** Collections that every tenant has, beside those of the template; without the tenant's field. */
  readonly collections?: readonly CollectionTemplate[];
  /** Runs the application's own migrator in a home, up to the newest version; may be run again at any time. */
  readonly migrate?: (place: HomePlace<Client>) => unknown;
  /** Puts first documents into a tenant's new home, or its documents into the shared collections; may be run again after a failure. */
  readonly seed?: (place: HomePlace<Client>) => unknown;
}

/** Makes, migrates and takes down the homes of tenants. Its functions need no `this`. */
export interface Provisioner {
  /**
   * Makes a tenant's home where its placement says, or finds it made. By row: looks whether the collections and indexes are
   * there. Idempotent; after a crash it resumes. Where a first attempt fails, what it created is taken back, and nothing else. Hand
   * it to `createPartywall({ provision })`. Rejects with `PW_PLACEMENT` for a name that cannot be, and for a database that is
   * there and not marked as this tenant's; with `PW_PROVISION_FAILED` where something is missing by row.
   */
  provision(tenant: ProvisionedTenant): Promise<void>;
  /**
   * Makes the collections and indexes that a tenant's database lacks, then runs the application's migrator in it. Does nothing for a
   * tenant that lives by row. Rejects with `PW_PLACEMENT` where the database is not the tenant's.
   */
  migrate(tenant: ProvisionedTenant): Promise<void>;
  /**
   * `migrate` for many tenants: the canaries first, then several at once. All are visited; where some fail it rejects with an
   * `EachError` that lists them. Run it again to resume.
   */
  migrateAll<T extends ProvisionedTenant>(
    tenants: Iterable<T> | AsyncIterable<T>,
    options?: MigrateAllOptions,
  ): Promise<{ readonly succeeded: number }>;
  /**
   * Drops a tenant's database. The tenant must be suspended or deleted by the registry. Idempotent. Rejects with `PW_PLACEMENT` for
   * what is not marked as this tenant's, or was not confirmed.
   */
  deprovision(tenant: RegisteredTenant, options: DeprovisionOptions): Promise<DeprovisionReport>;
  /**
   * Drops a database that a tenant has moved out of, which the placement names; for a mover. Idempotent. Rejects with
   * `PW_PLACEMENT` for what is not marked as this tenant's.
   */
  vacate(tenant: ProvisionedTenant): Promise<DeprovisionReport>;
}

/**
 * Makes the homes in which tenants live: a look at the shared collections by row, and databases with collections, validators and
 * indexes of a template or a list. Opens no socket until it is used.
 *
 * @param mongodb the application's own `mongodb`, never the guarded one
 *
 * @example
 * ```ts
 * import * as mongodb from "mongodb";
 * import { createPartywall } from "partywall";
 * import { guardMongo } from "partywall/guards/mongodb";
 * import { homeName, provisioner } from "partywall/tenants/mongodb";
 *
 * const homes = provisioner(mongodb, {
 *   admin: process.env["ADMIN_MONGODB_URL"],
 *   collections: [{ name: "orders", indexes: [{ key: { number: 1 }, unique: true }] }],
 * });
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   mongodb: guardMongo(mongodb, { app: process.env["MONGODB_URL"] }),
 *   provision: homes.provision,
 * });
 * const id = crypto.randomUUID();
 * const placement = { strategy: "database", name: homeName({ id, slug: "acme" }) } as const;
 * await pw.tenants.create({ id, slug: "acme", name: "Acme", placement });
 * ```
 */
export function provisioner<Mongo extends AdminMongo>(
  mongodb: Mongo,
  options: ProvisionerOptions<InstanceType<Mongo["MongoClient"]>>,
): Provisioner {
  const { admin, servers, realm = "default", tenantField = "tenantId" } = options;
  assertRealm(realm);
  const { migrate, seed } = options;
  const works: Works = {
    admins: new Admins(mongodb, admin, servers),
    realm,
    tenantField,
    template: options.template,
    collections: options.collections ?? [],
    // The client of a place is one of the caller's own class.
    migrate: migrate as Works["migrate"],
    seed: seed as Works["seed"],
  };
  const migrateOne = (tenant: ProvisionedTenant) => migrateHome(works, tenant);
  return Object.freeze({
    provision: (tenant) => provision(works, tenant),
    migrate: migrateOne,
    migrateAll: (tenants, how) => migrateAll(tenants, migrateOne, how),
    deprovision: (tenant, how) => deprovision(works, tenant, how),
    vacate: (tenant) => takeDown(works, tenant, false),
  } satisfies Provisioner);
}

async function provision(works: Works, tenant: ProvisionedTenant): Promise<void> {
  const { strategy, server } = tenant.placement;
  assertPlaceable(tenant.placement);
  await works.admins.with(server, async (client) => {
    if (strategy === "database") return provisionDatabase(client, works, tenant);
    const shared = client.db();
    await assertSharedPlace(shared, await collectionsOf(works), works.tenantField);
    await works.seed?.(homePlace(works, client, tenant, shared.databaseName));
  });
}

async function migrateHome(works: Works, tenant: ProvisionedTenant): Promise<void> {
  const { strategy, server } = tenant.placement;
  assertPlaceable(tenant.placement);
  if (strategy === "row") return;
  if (
    works.migrate === undefined &&
    works.template === undefined &&
    works.collections.length === 0
  ) {
    throw new PartywallError(
      "PW_CONFIG",
      "The provisioner got no `migrate`, `template` or `collections`, so it cannot migrate a home. Give it the application's migrator.",
    );
  }
  const home = homeOf(tenant);
  await works.admins.with(server, async (client) => {
    const database = client.db(home);
    const assertFinished = async () => {
      const mark = await readMark(database);
      // One that is not finished is provision()'s to finish.
      assertMarkedFor(database, mark?.stage === "home" ? mark : undefined, tenant, works.realm);
    };
    await assertFinished();
    const lease = await takeLease(database);
    if (lease === "gone") return assertFinished();
    try {
      await assertFinished();
      await makeCollections(database, await collectionsOf(works));
      lease.assertHeld();
      await works.migrate?.(homePlace(works, client, tenant, home));
    } finally {
      await lease.release();
    }
  });
}
