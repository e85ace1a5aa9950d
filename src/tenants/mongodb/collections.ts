import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { refused } from "../refusal.js";
import type { AdminCollection, AdminDatabase } from "./admin.js";
import { isApart } from "../../guards/mongodb/home-mark.js";
import type { Premises } from "./premises.js";

/** The collections of premises. */
export interface TenantCollections {
  /** Names of those whose documents are the tenant's, in the order of their names. */
  readonly names: readonly string[];
  /** Names of those that hold no documents of their own, which is why they are left out. */
  readonly views: readonly string[];
  /** Names of those that drop documents by themselves. */
  readonly capped: ReadonlySet<string>;
}

/** The database of premises: read where it is written, written where it outlives a change of the primary. */
export const databaseOf = ({ client, database }: Premises): AdminDatabase =>
  client.db(database, { readPreference: "primary", writeConcern: { w: "majority" } });

/** A collection of premises. */
export const collectionOf = (premises: Premises, name: string): AdminCollection =>
  databaseOf(premises).collection(name);

/** Whether a collection is Partywall's or the server's own, or no name that one can have. */
export const isNoTenants = (name: string): boolean =>
  name.startsWith("system.") || isApart(name) || name.includes("$") || name.includes("\0");

/** Reads which collections there are. Throws `PW_TENANT_DATA_REFUSED` for what cannot be taken whole. */
export async function readCollections(premises: Premises): Promise<TenantCollections> {
  const { collections, shared = [] } = premises;
  const there = await databaseOf(premises).listCollections().toArray();
  const wanted = there.filter(({ name }) =>
    collections === undefined
      ? !isNoTenants(String(name)) && !shared.includes(String(name))
      : collections.includes(String(name)),
  );
  const named = (type: string) =>
    wanted
      .filter((one) => kindOf(one) === type)
      .map(({ name }) => String(name))
      .toSorted();
  const [series] = named("timeseries");
  if (series !== undefined) {
    throw refused(
      `${series} is a time series, whose documents are not kept by their _id and cannot be taken along. Nothing was done. Name with collections those that are to be taken.`,
    );
  }
  for (const name of collections ?? []) {
    if (!isNoTenants(name) && !shared.includes(name) && !named("view").includes(name)) continue;
    throw refused(
      `${name} is named among the collections and is shared, a view, or Partywall's or the server's own. Nothing was done. Leave it out.`,
    );
  }
  return {
    names: named("collection"),
    views: named("view"),
    capped: new Set(wanted.filter(isCapped).map(({ name }) => String(name))),
  };
}

const kindOf = ({ type }: MongoDocument): string =>
  type === "view" || type === "timeseries" ? type : "collection";

const isCapped = ({ options }: MongoDocument): boolean =>
  (options as MongoDocument | undefined)?.["capped"] === true;
