import { randomBytes } from "node:crypto";
import * as mongodb from "mongodb";
import { createPartywall, type Placement } from "partywall";
import { guardMongo } from "partywall/guards/mongodb";
import { provisioner, tenantMover, type MoverOptions } from "partywall/tenants/mongodb";
import type { MongoSuite } from "../../../support/mongo.js";
import { startRelay } from "../../../guards/mongodb/relay.js";

export const COLLECTIONS = [
  { name: "orders", indexes: [{ key: { number: 1 }, unique: true, name: "number_1" }] },
  { name: "customers" },
];

/** An order of the tests. */
export interface Order {
  readonly _id?: mongodb.ObjectId;
  readonly number: number;
  readonly note?: string;
}

/** A client for each login of each server, with so many connections at most. */
export const MOST_CONNECTIONS = 3;

/**
 * An application over two databases that stand for two servers, each behind a relay, with its homes and its mover. Real tenants of real
 * placements; what is there is seen by `mongo.client`.
 */
export async function buildTown(mongo: MongoSuite, far: mongodb.MongoClient, farUrl: string) {
  const realm = `town-${randomBytes(4).toString("hex")}`;
  const homeDb = mongo.database();
  const farDb = far.db(`far_${randomBytes(4).toString("hex")}`);
  const [app, appFar] = await Promise.all([startRelay(mongo.url), startRelay(farUrl)]);
  const guard = guardMongo(mongodb, {
    app: app.url + homeDb.databaseName,
    servers: { far: { app: appFar.url + farDb.databaseName } },
    shared: ["plans"],
    clientOptions: { maxPoolSize: MOST_CONNECTIONS },
  });
  const admin = mongo.url + homeDb.databaseName;
  const servers = { far: farUrl + farDb.databaseName };
  const homes = provisioner(mongodb, { admin, servers, realm, collections: COLLECTIONS });
  const pw = createPartywall({
    secret: "a secret of the tests, of 32 characters",
    realm,
    mongodb: guard,
    provision: homes.provision,
  });
  await pw.central(async () => {
    const orders = guard.client.db().collection("orders");
    await orders.createIndex({ number: 1 }, { unique: true });
    await guard.client.db().createCollection("customers");
  });
  await farDb.collection("orders").createIndex({ tenantId: 1, number: 1 }, { unique: true });
  await farDb.createCollection("customers");
  const orders = guard.client.db().collection<Order>("orders");
  const made: mongodb.Db[] = [];
  return {
    realm,
    guard,
    pw,
    homes,
    admin,
    servers,
    app,
    appFar,
    homeDb,
    farDb,
    orders,
    /** A placement in a database of a name that is free. */
    database(server?: "far"): Placement {
      const name = `own_${randomBytes(6).toString("hex")}`;
      made.push((server === undefined ? mongo.client : far).db(name));
      return { strategy: "database", name, ...(server && { server }) };
    },
    /** A tenant with three orders and a customer. */
    async tenant(placement: Placement = { strategy: "row" }) {
      const slug = `t-${randomBytes(5).toString("hex")}`;
      const { id } = await pw.tenants.create({ slug, name: slug, placement });
      await pw.run(id, async () => {
        await orders.insertMany([1, 2, 3].map((number) => ({ number, note: slug })));
        await guard.client.db().collection("customers").insertOne({ of: slug });
      });
      return { id, slug };
    },
    /** What a tenant sees of itself. */
    see: (id: string) =>
      pw.run(id, async () => ({
        orders: (await orders.find().sort({ number: 1 }).toArray()).map((one) => ({
          ...one,
          tenantId: undefined,
        })),
        customers: await guard.client.db().collection("customers").countDocuments(),
      })),
    /** The database of a placement, unguarded. */
    at: ({ strategy, server, name }: Placement): mongodb.Db =>
      strategy === "row"
        ? server === undefined
          ? homeDb
          : farDb
        : (server === undefined ? mongo.client : far).db(name),
    mover: (options: Partial<MoverOptions> = {}) =>
      tenantMover(mongodb, {
        tenants: pw.tenants,
        guard,
        admin,
        servers,
        homes,
        realm,
        shared: ["plans"],
        ...options,
      }),
    async close(): Promise<void> {
      await pw.close();
      await Promise.all([app.close(), appFar.close()]);
      for (const database of [...made, farDb]) await database.dropDatabase();
      await mongo.client.db("partywall").dropDatabase();
    },
  };
}

export type Town = Awaited<ReturnType<typeof buildTown>>;
