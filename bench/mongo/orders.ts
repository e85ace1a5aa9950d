import type { MongoClient } from "mongodb";
import { tenantIds, type ShopSize } from "../support/rows.js";

/** A document of the benchmark. */
export interface Order {
  readonly tenantId?: string;
  readonly n: number;
  readonly state: string;
  readonly total: number;
  readonly note: string;
}

/** What is done with a tenant's orders, one of these at a time. */
export interface Orders {
  /** Reads one by an indexed key. */
  find(tenant: string, n: number): Promise<{ readonly n: number } | null | undefined>;
  /** Reads the twenty from a key on. */
  findTwenty(tenant: string, n: number): Promise<readonly { readonly n: number }[]>;
  /** Sums up a tenant's by state. */
  aggregate(tenant: string): Promise<readonly { readonly _id: string; readonly sum: number }[]>;
  /** Changes one. */
  update(tenant: string, n: number): Promise<unknown>;
  /** Adds one to the journal. */
  insert(tenant: string, n: number): Promise<unknown>;
  /** Adds a hundred to the journal. */
  insertHundred(tenant: string, n: number): Promise<unknown>;
}

/** What is measured, in the order of the table. */
export const OPERATIONS = [
  "find",
  "findTwenty",
  "aggregate",
  "update",
  "insert",
  "insertHundred",
] as const satisfies readonly (keyof Orders)[];

export type Operation = (typeof OPERATIONS)[number];

/** One order of a tenant, alike in every run. */
export const orderOf = (n: number): Order => ({
  n,
  state: ["open", "paid", "sent"][n % 3] as string,
  total: n * 10,
  note: `order ${n}, as long as such a text will be`,
});

/** Of an aggregation: the orders that are paid and sent, summed up by state. */
export const TOTALS = [
  { $match: { state: { $ne: "open" } } },
  { $group: { _id: "$state", sum: { $sum: "$total" } } },
];

/** Stores every tenant's orders, past any guard. */
export async function fillOrders(
  client: MongoClient,
  database: string,
  size: ShopSize,
): Promise<void> {
  const orders = client.db(database).collection<Order>("orders");
  await orders.createIndex({ tenantId: 1, n: 1 });
  await client.db(database).collection("journal").createIndex({ tenantId: 1, n: 1 });
  for (const tenantId of tenantIds(size)) {
    const own = Array.from({ length: size.rowsPerTenant }, (_, n) => ({
      ...orderOf(n + 1),
      tenantId,
    }));
    await orders.insertMany(own);
  }
}
