import type * as mongodb from "mongodb";
import { createPartywall } from "partywall";
import { guardMongo, type GuardMongoOptions } from "partywall/guards/mongodb";

/** An instance with two tenants over one server, and what it denied. */
export type Site = Awaited<ReturnType<typeof openSite>>;

/** Opens an instance whose application and system login are the same server, unless told. */
export async function openSite(
  driver: typeof mongodb,
  url: string,
  options: Partial<GuardMongoOptions> = {},
) {
  const denied: string[] = [];
  const guard = guardMongo(driver, { app: url, system: url, shared: ["plans"], ...options });
  const pw = createPartywall({
    secret: "a secret of the tests, of 32 characters",
    realm: `mongo-${Math.random().toString(36).slice(2)}`,
    mongodb: guard,
    audit: (entry) => {
      if (entry.type === "denied") denied.push(entry.code);
    },
  });
  const a = await pw.tenants.create({ slug: "acme", name: "Acme" });
  const b = await pw.tenants.create({ slug: "bolt", name: "Bolt" });
  return {
    pw,
    guard,
    a: a.id,
    b: b.id,
    denied,
    inA: <T>(fn: () => T) => pw.run(a.id, fn),
    inB: <T>(fn: () => T) => pw.run(b.id, fn),
    inSystem: <T>(fn: () => T) => pw.system({ reason: "a test" }, fn),
    orders: guard.client.db().collection<Order>("orders"),
  };
}

/** A document of the tests. */
export interface Order {
  _id?: mongodb.ObjectId;
  n: number;
  tenantId?: string;
  [other: string]: unknown;
}
