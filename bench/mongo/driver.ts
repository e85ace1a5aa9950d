import * as mongodb from "mongodb";
import { orderOf, TOTALS, type Order, type Orders } from "./orders.js";
import type { Library, OpenLibrary } from "./library.js";

const open: OpenLibrary = async ({ guard, url, max }) => {
  const client =
    (guard?.client as mongodb.MongoClient | undefined) ??
    new mongodb.MongoClient(url, { maxPoolSize: max });
  const database = client.db();
  const orders = database.collection<Order>("orders");
  const journal = database.collection<Order>("journal");
  const own = (tenantId: string) => (guard === undefined ? { tenantId } : {});
  const calls: Orders = {
    find: (tenant, n) => orders.findOne({ ...own(tenant), n }),
    findTwenty: (tenant, n) =>
      orders
        .find({ ...own(tenant), n: { $gte: n } })
        .sort({ n: 1 })
        .limit(20)
        .toArray(),
    aggregate: (tenant) =>
      orders
        .aggregate<{ _id: string; sum: number }>(
          guard === undefined ? [{ $match: own(tenant) }, ...TOTALS] : TOTALS,
        )
        .toArray(),
    update: (tenant, n) => orders.updateOne({ ...own(tenant), n }, { $inc: { total: 1 } }),
    insert: (tenant, n) => journal.insertOne({ ...own(tenant), ...orderOf(n) }),
    insertHundred: (tenant, n) =>
      journal.insertMany(
        Array.from({ length: 100 }, (_, more) => ({ ...own(tenant), ...orderOf(n + more) })),
      ),
  };
  return calls;
};

/** The driver by itself. */
export const library: Library = { name: "mongodb 7", driver: mongodb, open };
