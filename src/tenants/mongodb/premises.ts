import { inspect } from "node:util";
import type { CommandScope } from "../../guards/mongodb/command/command-scope.js";
import { stampOf } from "../../guards/mongodb/command/tenant-value.js";
import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { refused } from "../refusal.js";
import type { AdminClient } from "./admin.js";

/** The `BSON` of the caller's `mongodb`, or of `mongoose.mongo`, by what is called here. */
export interface Bson {
  serialize(document: MongoDocument): Uint8Array;
  deserialize(bytes: Uint8Array, options?: MongoDocument): MongoDocument;
  readonly EJSON: {
    stringify(value: unknown, options?: { readonly relaxed?: boolean }): string;
    // oxlint-disable-next-line typescript/no-explicit-any -- what a text holds
    parse(text: string, options?: { readonly relaxed?: boolean }): any;
  };
}

/**
 * Where one tenant's documents are, and the client that reaches them.
 *
 * @example
 * ```ts
 * import { BSON, MongoClient } from "mongodb";
 * import type { Premises } from "partywall/tenants/mongodb";
 *
 * const client = new MongoClient(process.env["ADMIN_MONGODB_URL"] ?? "");
 * const acme: Premises = {
 *   client,
 *   bson: BSON,
 *   strategy: "row",
 *   database: "shop",
 *   tenantId: "7f0c3c1e",
 *   shared: ["plans"],
 * };
 * ```
 */
export interface Premises {
  /** A `MongoClient` of a login that reads and writes all tenants' collections. Never the guarded one. */
  readonly client: Pick<AdminClient, "db">;
  /** `BSON` of the `mongodb` that the client is from. */
  readonly bson: Bson;
  /** The tenant's id, as the registry has it. */
  readonly tenantId: string;
  /** `row`: the documents that carry the tenant's value. `database`: every document of the database. */
  readonly strategy: "row" | "database";
  /** Name of the database: the one that tenants share by row, or the tenant's own. */
  readonly database: string;
  /** For `row`: the field that documents carry; default `"tenantId"`. */
  readonly tenantField?: string;
  /** For `row`: the tenant's value of that field, a string, number or BSON scalar; default `tenantId`. */
  readonly tenantValue?: unknown;
  /** Takes these collections alone. Default: all of the database but `shared`, Partywall's and the server's own. */
  readonly collections?: readonly string[];
  /** Collections that are no tenant's. Default none. */
  readonly shared?: readonly string[];
  /** For `database`: name of the Partywall instance that marked it; default `"default"`. */
  readonly realm?: string;
}

const OF_THE_SERVER = new Set(["admin", "config", "local"]);

/** Throws `PW_TENANT_DATA_REFUSED` for premises that contradict themselves. */
export function checkPremises(premises: Premises): void {
  const { strategy, tenantId, database, bson, client, tenantField, tenantValue } = premises;
  if (strategy !== "row" && strategy !== "database") {
    throw refused(`There is no strategy ${inspect(strategy)} in MongoDB: it is row or database.`);
  }
  if (typeof tenantId !== "string" || tenantId === "" || tenantId.includes("\0")) {
    throw refused("The premises have no tenant's id. Give it as the registry has it, as a text.");
  }
  if (typeof database !== "string" || database === "" || OF_THE_SERVER.has(database.toLowerCase()))
    throw refused("The premises name no database, or one of the server's own. Name the tenant's.");
  if (typeof client?.db !== "function") {
    throw refused("The premises have no client. Give a MongoClient, not the guarded one.");
  }
  if (typeof bson?.serialize !== "function" || typeof bson.EJSON?.stringify !== "function") {
    throw refused(
      "The premises have no BSON. Give bson: mongodb.BSON, of the client's own driver.",
    );
  }
  for (const name of [...(premises.collections ?? []), ...(premises.shared ?? [])]) {
    if (typeof name === "string" && name !== "" && !name.includes("\0")) continue;
    throw refused("collections and shared are lists of names. Mend them, or leave them out.");
  }
  if (strategy === "row") return checkStamp(premises);
  if (tenantField !== undefined || tenantValue !== undefined) {
    throw refused(
      "Documents in a database of a tenant's own carry no tenant. Leave tenantField and tenantValue out.",
    );
  }
}

function checkStamp(premises: Premises): void {
  try {
    stampOf(scopeOf(premises));
  } catch (cause) {
    throw refused(
      "The tenant's field or value is none that documents can carry. Give tenantField, a name at the top of documents, and tenantValue, a string, number or BSON scalar.",
      cause,
    );
  }
}

/** Premises by row as the guard's rules see them. */
export function scopeOf(premises: Premises): CommandScope {
  const { database, strategy, tenantField = "tenantId", tenantId } = premises;
  // A value that is given and is null is no tenant's, and is refused rather than replaced.
  const tenant = "tenantValue" in premises ? premises.tenantValue : tenantId;
  return { kind: "tenant", strategy, database, field: tenantField, tenant, isShared: () => false };
}
