import type { Mongoose, PipelineStage } from "mongoose";
import { createPartywall, type Tenant } from "partywall";
import { guardMongoose } from "partywall/adapters/mongoose";
import { guardMongo } from "partywall/guards/mongodb";
import { MONGOOSES } from "../../../guards/mongodb/drivers.js";
import type { MongoServer } from "../../../support/mongo.js";
import type { MongoEngine } from "../../../support/mongo-servers.js";
import type { Answers } from "../../chinook/questions.js";
import { chinookRows, COLLECTIONS, varied, type Rows } from "./data.js";
import { byFind } from "./driver.js";
import { byLookup } from "./lookup.js";
import { chinookModels, type Models } from "./models.js";
import { byPopulate } from "./populate.js";

/** Five shops whose tenants share collections, and a sixth in a database of its own. */
const SHOPS = [
  { number: 1, variation: 1 },
  { number: 2, variation: 2 },
  { number: 3, variation: 3 },
  { number: 4, variation: 4 },
  { number: 5, variation: 5 },
  { number: 6, variation: 2, own: true },
] as const;

/** One music shop: its documents alone in a database of their own, unguarded, and those of a tenant. */
export interface Shop {
  readonly id: string;
  readonly number: number;
  readonly variation: number;
  /** The database that is the tenant's alone; undefined where it is one of five by row. */
  readonly own: string | undefined;
  readonly rows: Rows;
  /** Answers of the single-tenant original. */
  readonly original: Answers;
}

/** A Mongoose over the guard, and how the shop is asked over it. */
export interface Counter {
  readonly name: string;
  readonly models: Models;
  run<T>(shop: Shop, fn: () => T): Promise<Awaited<T>>;
  central<T>(fn: () => T): Promise<Awaited<T>>;
  readonly ways: Readonly<Record<Way, Answers>>;
}

/** How the questions are answered; by `$lookup` where a server has it. */
export type Way = "populate" | "find of the driver" | "$lookup" | "$lookup of the driver";

export type Shops = Awaited<ReturnType<typeof openShops>>;

/** What a shop's documents carry: its id, or its number. */
type ValueOf = (shop: Pick<Shop, "id">) => string | number;

// Before MongoDB 5 the guard compares strings that a short $lookup found by $regexMatch, which mongo-java-server lacks.
const valueOn = (engine: MongoEngine): ValueOf =>
  engine === "mongo-java-server" ? ({ id }) => Number(id.slice(5)) : ({ id }) => id;

/** Opens the shops on a server, the originals loaded and the tenants' collections empty. */
export async function openShops(
  mongo: Pick<MongoServer, "engine" | "url" | "client" | "database">,
) {
  const valueOf = valueOn(mongo.engine);
  const closing: (() => Promise<unknown>)[] = [];
  const shared = mongo.database();
  const shops: Shop[] = [];
  for (const { number, variation, ...rest } of SHOPS) {
    const rows = varied(chinookRows(), variation, number);
    const alone = mongo.database();
    for (const name of COLLECTIONS) await alone.collection(name).insertMany(copied(rows[name]));
    const mongoose = new MONGOOSES[0]![1].Mongoose({ autoIndex: false, autoCreate: false });
    await mongoose.connect(mongo.url + alone.databaseName);
    closing.push(() => mongoose.disconnect());
    shops.push({
      id: `shop-${number}`,
      number,
      variation,
      own: "own" in rest ? mongo.database().databaseName : undefined,
      rows,
      original: byPopulate(chinookModels(mongoose)),
    });
  }
  const counters: Counter[] = [];
  for (const [name, { Mongoose }] of MONGOOSES) {
    const url = mongo.url + shared.databaseName;
    const counter = await openCounter(name, Mongoose, url, shops, valueOf);
    closing.push(counter.close);
    counters.push(counter);
  }
  return {
    shops,
    counters,
    valueOf,
    /** Unguarded: what is in the shared database, and in a shop's own. */
    stored: (shop?: Shop) => (shop?.own === undefined ? shared : mongo.client.db(shop.own)),
    close: async () => {
      for (const close of closing) await close();
    },
  };
}

async function openCounter(
  name: string,
  MongooseClass: typeof Mongoose,
  url: string,
  shops: readonly Shop[],
  tenantValue: ValueOf,
): Promise<Counter & { close: () => Promise<void> }> {
  const mongoose = new MongooseClass({ autoIndex: false, autoCreate: false });
  const guard = guardMongo(mongoose.mongo, { app: url, system: url, tenantValue });
  const pw = createPartywall({ realm: new URL(url).pathname.slice(1), mongodb: guard });
  await guardMongoose(pw.mongodb, mongoose);
  const models = chinookModels(mongoose);
  const tenants = new Map<Shop, Tenant>();
  for (const shop of shops) {
    const { id, own } = shop;
    const placement = own === undefined ? undefined : { strategy: "database" as const, name: own };
    const record = { id, slug: id, name: id, ...(placement === undefined ? {} : { placement }) };
    tenants.set(shop, await pw.tenants.create(record));
  }
  const collection = (of: string) => mongoose.connection.db!.collection(of);
  return {
    name,
    models,
    run: (shop, fn) => pw.run(tenants.get(shop)!.id, fn),
    central: (fn) => pw.central(fn),
    close: () => pw.close(),
    ways: {
      populate: byPopulate(models),
      "find of the driver": byFind((of, filter, sort) =>
        collection(of)
          .find(filter)
          .sort({ [sort]: 1 })
          .toArray(),
      ),
      $lookup: byLookup((of, pipeline) => models[of as keyof Models].aggregate(pipeline)),
      "$lookup of the driver": byLookup((of, pipeline: PipelineStage[]) =>
        collection(of).aggregate(pipeline).toArray(),
      ),
    },
  };
}

/** The driver puts an `_id` into what it inserts. */
const copied = (rows: Rows[keyof Rows]) => rows.map((row) => ({ ...row }));
