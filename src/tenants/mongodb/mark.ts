import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { MARK_COLLECTION, MARK_ID } from "../../guards/mongodb/home-mark.js";
import { untouched, type ProvisionedTenant } from "../home.js";
import type { AdminDatabase } from "./admin.js";

/**
 * How far a home has come: promised to the tenant and with nothing in it, being filled, the tenant's, being taken down. It is
 * written before what it tells of.
 */
export type MarkStage = "claimed" | "building" | "home" | "dropping";

/** Whose a database is, as it says itself. */
export interface Mark {
  /** Name of the Partywall instance. */
  readonly realm: string;
  readonly tenantId: string;
  readonly stage: MarkStage;
}

const STAGES: ReadonlySet<unknown> = new Set<MarkStage>([
  "claimed",
  "building",
  "home",
  "dropping",
]);

/**
 * The document that says a database is one tenant's own, and the collection it is in. Only a database that has it is ever taken
 * down, copied into or given to that tenant. A provisioner writes it; write it yourself into a database that you made.
 *
 * @param owner the tenant's id, and the `realm` of the instance, `"default"` unless told
 *
 * @example
 * ```ts
 * import { MongoClient } from "mongodb";
 * import { ownershipMark } from "partywall/tenants/mongodb";
 *
 * const client = new MongoClient(process.env["ADMIN_MONGODB_URL"] ?? "");
 * const { collection, document } = ownershipMark({ tenantId: "7f0c3c1e" });
 * await client.db("t_acme").collection<{ _id: string }>(collection).insertOne(document);
 * ```
 */
export function ownershipMark(owner: { readonly tenantId: string; readonly realm?: string }): {
  readonly collection: string;
  readonly document: Mark & { readonly _id: string };
} {
  const { tenantId, realm = "default" } = owner;
  return {
    collection: MARK_COLLECTION,
    document: { _id: MARK_ID, realm, tenantId, stage: "home" },
  };
}

/** What a database is marked as; undefined where it is not. Throws `PW_PLACEMENT` for a mark that cannot be read. */
export async function readMark(database: AdminDatabase): Promise<Mark | undefined> {
  const found = await database.collection(MARK_COLLECTION).findOne({ _id: MARK_ID });
  if (found === null) return undefined;
  const { realm, tenantId, stage } = found;
  if (typeof realm === "string" && typeof tenantId === "string" && STAGES.has(stage)) {
    return { realm, tenantId, stage: stage as MarkStage };
  }
  throw untouched(
    titleOf(database.databaseName),
    "has a mark that is none of this version's. Look at its collection partywall.home.",
  );
}

/** Throws `PW_PLACEMENT` unless a database is marked as a tenant's, finished or not. */
export function assertMarkedFor(
  database: AdminDatabase,
  mark: Mark | undefined,
  { id }: Pick<ProvisionedTenant, "id">,
  realm: string,
): asserts mark is Mark {
  if (mark?.tenantId === id && mark.realm === realm) return;
  throw untouched(
    titleOf(database.databaseName),
    mark === undefined
      ? "was there before and is not marked as a tenant's home. Choose another name for the tenant's."
      : "is not this tenant's home. Choose another name for the tenant's.",
  );
}

/** How a home is called in errors and reports. */
export const titleOf = (name: string): string => `database ${JSON.stringify(name)}`;

/** The names of a database's collections, but for that of its mark and the server's own. */
export async function contentsOf(database: AdminDatabase): Promise<string[]> {
  const found = await definitionsOf(database);
  return found.map(({ name }) => String(name));
}

/** What the server says of a database's collections, but for that of its mark and the server's own. */
export async function definitionsOf(database: AdminDatabase): Promise<MongoDocument[]> {
  const found = await database.listCollections().toArray();
  return found.filter(
    ({ name }) => name !== MARK_COLLECTION && !String(name).startsWith("system."),
  );
}
