import { PartywallError } from "../errors.js";
import {
  collectionsOf,
  createIndexes,
  type CollectionNames,
  type RegistryCollections,
} from "./mongodb-collections.js";
import { DomainClaims } from "./mongodb-domains.js";
import {
  isDuplicate,
  isRefusal,
  openClient,
  plainName,
  unavailable,
  type MongoClient,
  type MongoConnection,
  type MongoDocument,
  type MongoModule,
} from "./mongodb-driver.js";
import { changesOf, documentOf, orderOf, recordOf } from "./mongodb-record.js";
import type { TenantPatch } from "./record.js";
import type { StoreKey, TenantStore } from "./store.js";

/** Where `mongoStore` keeps tenants. */
export interface MongoStoreOptions extends MongoConnection {
  /** A database of the registry's own; `"partywall"` unless told, whatever `url` names. */
  readonly database?: string;
  /** Name of the collection; `"tenants"` unless told. A second one of the same name and `_domains` is beside it. */
  readonly collection?: string;
  /** Connections to a server at most, for commands; 2 unless told. */
  readonly max?: number;
}

/** The collections, through a client that is open. */
interface Opened {
  readonly client: MongoClient;
  readonly collections: RegistryCollections;
  readonly claims: DomainClaims;
  /** Settled when the indexes are there. */
  ready?: Promise<void> | undefined;
}

/**
 * Keeps tenant records in MongoDB, through a client and a login of its own: the application's login needs, and should
 * have, no right on the database. Opens no connection before the first use, which creates the indexes that are missing.
 * Needs no transactions, so a single server will do; reads are the primary's and what a majority has, and so are writes.
 * Failures of the driver become `PW_REGISTRY_UNAVAILABLE`; missing or malformed options throw `PW_CONFIG`, on first use
 * if missing.
 *
 * @example
 * ```ts
 * import * as mongodb from "mongodb";
 * import { createPartywall } from "partywall";
 * import { mongoStore } from "partywall/registry";
 *
 * const url = process.env["REGISTRY_MONGODB_URL"];
 * const pw = createPartywall({ store: mongoStore(mongodb, { url }) });
 * await pw.ready();
 * await pw.tenants.create({ slug: "acme", name: "Acme" });
 * await pw.close();
 * ```
 */
export function mongoStore(mongodb: MongoModule, options: MongoStoreOptions): TenantStore {
  const { database = "partywall", collection = "tenants", max = 2, ...connection } = options;
  const names: CollectionNames = {
    database: plainName(database, "mongoStore({ database })"),
    collection: plainName(collection, "mongoStore({ collection })"),
  };
  let current: Opened | undefined;

  function open(): Opened {
    if (current !== undefined) return current;
    const client = openClient(mongodb, connection, max);
    const collections = collectionsOf(client, names);
    current = { client, collections, claims: new DomainClaims(collections) };
    return current;
  }

  function ready(opened: Opened): Promise<void> {
    opened.ready ??= createIndexes(opened.collections).catch((error: unknown) => {
      opened.ready = undefined;
      throw error;
    });
    return opened.ready;
  }

  async function using<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    try {
      const opened = open();
      await ready(opened);
      return await work(opened);
    } catch (error) {
      throw unavailable(error, connection);
    }
  }

  return {
    find: (key) =>
      using(async ({ collections: { tenants } }) => {
        const [found, another] = await tenants.find(conditionOf(key), { limit: 2 }).toArray();
        if (another !== undefined) throw twoHolders();
        return found === undefined ? undefined : recordOf(found);
      }),

    list: ({ after, limit, status }) =>
      using(async ({ collections: { tenants } }) => {
        const later = after === undefined ? {} : { order: { $gt: orderOf(after) } };
        const found = await tenants
          .find({ ...later, status: { $in: [...status] } }, { sort: { order: 1 }, limit })
          .toArray();
        return found.map(recordOf);
      }),

    insert: (record) =>
      using(async ({ collections: { tenants } }) => {
        try {
          await tenants.insertOne(documentOf(record));
          return "inserted";
        } catch (error) {
          if (!isDuplicate(error)) throw error;
          // What is in the way may not have reached a majority yet.
          const local = { readConcern: { level: "local" } };
          const sameId = await tenants.find({ _id: { $eq: record.id } }, local).toArray();
          return sameId.length > 0 ? "id-taken" : "slug-taken";
        }
      }),

    update: (id, expectedVersion, patch) =>
      using((opened) => update(opened, { tenant: id, version: expectedVersion }, patch)),

    init: () => using(async () => undefined),

    async close() {
      const opened = current;
      current = undefined;
      await opened?.client.close();
    },
  };
}

type Outcome = Awaited<ReturnType<TenantStore["update"]>>;

/** A tenant's record at one version. */
interface Version {
  readonly tenant: string;
  readonly version: number;
}

async function update(opened: Opened, from: Version, patch: TenantPatch): Promise<Outcome> {
  const { domains } = patch;
  return domains === undefined
    ? changeRecord(opened, from, patch)
    : changeDomains(opened, from, { ...patch, domains });
}

/** Claims the domains that come, changes the record, and releases those that went. */
async function changeDomains(
  opened: Opened,
  from: Version,
  patch: TenantPatch & Required<Pick<TenantPatch, "domains">>,
): Promise<Outcome> {
  const { collections, claims } = opened;
  const found = await collections.tenants
    .find({ $or: [{ _id: { $eq: from.tenant } }, { domains: { $in: [...patch.domains] } }] })
    .toArray();
  const own = found.find(({ _id }) => _id === from.tenant);
  if (own?.["version"] !== from.version) return "conflict";
  // The claims tell it too, unless somebody has lost or edited them.
  if (found.some(({ _id }) => _id !== from.tenant)) return "domain-taken";
  const before = recordOf(own).domains;
  for (const domain of patch.domains.filter((one) => !before.includes(one)).toSorted()) {
    // oxlint-disable-next-line no-await-in-loop -- in one order, so that two changes do not wait for each other
    const claim = await claims.claim(domain, from);
    if (claim !== "claimed") return claim === "taken" ? "domain-taken" : claim;
  }
  const outcome = await changeRecord(opened, from, patch);
  if (outcome === "updated") {
    const gone = before.filter((one) => !patch.domains.includes(one));
    const to = { ...from, version: from.version + 1 };
    // The change has come about. A claim that stays is worth nothing, as its tenant's record tells.
    await claims.release(gone, to).catch(() => undefined);
  }
  return outcome;
}

async function changeRecord(
  { collections: { tenants } }: Opened,
  { tenant, version }: Version,
  patch: TenantPatch,
): Promise<Outcome> {
  try {
    const { matchedCount } = await tenants.updateOne(
      { _id: { $eq: tenant }, version: { $eq: version } },
      { $set: { ...changesOf(patch), version: version + 1 } },
    );
    return matchedCount === 1 ? "updated" : "conflict";
  } catch (error) {
    if (isDuplicate(error)) return "slug-taken";
    if (patch.slug === undefined || !isRefusal(error)) throw error;
    // Not every server says of an update which rule it broke.
    const [holder] = await tenants.find({ slug: { $eq: patch.slug } }).toArray();
    if (holder === undefined || holder["_id"] === tenant) throw error;
    return "slug-taken";
  }
}

function conditionOf(key: StoreKey): MongoDocument {
  if ("id" in key) return { _id: { $eq: key.id } };
  if ("slug" in key) return { slug: { $eq: key.slug } };
  return { domains: { $eq: key.domain } };
}

function twoHolders(): PartywallError {
  return new PartywallError(
    "PW_REGISTRY_CONTRACT",
    "Two tenants' records name one domain, so nobody was entered. Somebody has edited the registry: take the domain from one of them with pw.tenants.removeDomain().",
  );
}
