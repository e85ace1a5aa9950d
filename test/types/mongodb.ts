// Checked by the compiler, never run. Each @ts-expect-error fails the check once the mistake below it compiles.
import * as mongodb from "mongodb";
import * as mongodb6 from "mongodb-6";
import mongoose from "mongoose";
import { createPartywall } from "partywall";
import { guardMongoose } from "partywall/adapters/mongoose";
import { guardMongo, type GuardMongoOptions, type MongoGuard } from "partywall/guards/mongodb";
import type { Premises } from "partywall/tenants/mongodb";

// oxlint-disable typescript/no-unnecessary-type-parameters -- what makes the comparison exact
type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
// oxlint-enable typescript/no-unnecessary-type-parameters
declare function same<A, B>(equal: Equal<A, B>): void;

const options: GuardMongoOptions = { app: "mongodb://db/shop", shared: ["plans"] };

// The client is the caller's own, of whichever copy of the driver was passed in.
const guard = guardMongo(mongodb, options);
const older = guardMongo(mongodb6, options);
same<typeof guard.client, mongodb.MongoClient>(true);
same<typeof older.client, mongodb6.MongoClient>(true);
same<typeof guard.client, typeof older.client>(false);
same<typeof guard.MongoClient, typeof mongodb.MongoClient>(true);

// The instance has the guard with its own types.
const pw = createPartywall({ mongodb: guard });
same<typeof pw.mongodb.client, mongodb.MongoClient>(true);
const orders = pw.mongodb.client.db().collection<{ n: number }>("orders");
void pw.run("acme", () => orders.findOne({ n: 1 }));
// @ts-expect-error another field's type is the driver's to know
void orders.insertOne({ n: "one" });

// @ts-expect-error a login may be missing while a build runs, but it has to be said
guardMongo(mongodb, {});
// @ts-expect-error there are no schemas in MongoDB, nor an option for them
guardMongo(mongodb, { app: "", sharedSchemas: [] });
// @ts-expect-error the field's name
guardMongo(mongodb, { app: "", tenantField: 1 });
// @ts-expect-error a driver, not a client of it
guardMongo(new mongodb.MongoClient(""), { app: "" });
// @ts-expect-error `app` and `system` of each server
guardMongo(mongodb, { app: "", servers: { far: "mongodb://far/shop" } });
// @ts-expect-error what a guard keeps cannot be changed
guard.tenantField = "owner";

// Mongoose comes back as it was.
const guarded: MongoGuard = guardMongo(mongoose.mongo, options);
const connected = await guardMongoose(guarded, mongoose);
same<typeof connected, typeof mongoose>(true);
void guardMongoose(guarded, mongoose, mongoose.createConnection());
// @ts-expect-error a connection, not its address
void guardMongoose(guarded, mongoose, "mongodb://db/shop");
// @ts-expect-error the instance, not one of its models
void guardMongoose(guarded, mongoose.model("Order"));

// A tenant's premises take the client and the BSON of whichever copy.
const place = { strategy: "row", database: "shop", tenantId: "acme" } as const;
export const premises: readonly Premises[] = [
  { ...place, client: new mongodb.MongoClient(""), bson: mongodb.BSON },
  { ...place, client: new mongodb6.MongoClient(""), bson: mongodb6.BSON },
  { ...place, client: new mongoose.mongo.MongoClient(""), bson: mongoose.mongo.BSON },
  { ...place, client: mongoose.connection.getClient(), bson: mongoose.mongo.BSON },
  // @ts-expect-error a database, by its name
  { client: new mongodb.MongoClient(""), bson: mongodb.BSON, strategy: "row", tenantId: "acme" },
  // @ts-expect-error there are no schemas in MongoDB
  { ...place, client: new mongodb.MongoClient(""), bson: mongodb.BSON, strategy: "schema" },
];
