import { PartywallError } from "../errors.js";
import type { ModelSource, MongoGuard } from "../guards/mongodb/index.js";
import { runWhereBuilt } from "./mongoose/built.js";
import { guards } from "./mongoose/guards.js";
import type { MongooseInternals } from "./mongoose/native.js";
import { connectionsOf, type DescribedMongoose } from "./mongoose/models.js";
import { queueInScope } from "./mongoose/queue.js";
import { showTenant } from "./mongoose/tenant-field.js";

/**
 * A Mongoose instance, by what {@link guardMongoose} needs of it. What the `mongoose` package gives fits.
 *
 * @example
 * ```ts
 * import mongoose from "mongoose";
 * import type { MongooseInstance } from "partywall/adapters/mongoose";
 *
 * const instance: MongooseInstance = mongoose;
 * console.log(typeof instance.connection);
 * ```
 */
export interface MongooseInstance {
  /** The connection of the instance's own models. */
  readonly connection: object;
  /** The driver inside, which is what the guard has to be made of. */
  readonly mongo: { readonly MongoClient: abstract new (...args: never[]) => object };
  readonly Query: object;
  readonly Aggregate: object;
  readonly models: object;
}

/** A Mongoose connection that is put over the guard. */
interface SettableConnection {
  readonly readyState: number;
  setClient(client: unknown): unknown;
}

const DISCONNECTED = 0;

/**
 * Puts Mongoose over the guard: its connection (`mongoose.connection`, or the one given) is connected through the guarded
 * client, each Query and Aggregate belongs to the scope it was built in, and documents show their tenant after they are
 * saved. To be called before models are made. Rejects with `PW_CONFIG` for a Mongoose that it does not know, that has models
 * or is connected already, or whose driver is not the one that the guard was made of.
 *
 * @example
 * ```ts
 * import mongoose from "mongoose";
 * import { createPartywall } from "partywall";
 * import { guardMongoose } from "partywall/adapters/mongoose";
 * import { guardMongo } from "partywall/guards/mongodb";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   mongodb: guardMongo(mongoose.mongo, {
 *     app: process.env["MONGODB_URL"],
 *     system: process.env["SYSTEM_MONGODB_URL"],
 *   }),
 * });
 * await guardMongoose(pw.mongodb, mongoose);
 * const Order = mongoose.model("Order", new mongoose.Schema({ total: Number }));
 * await pw.run("acme", () => Order.find());
 * ```
 */
export async function guardMongoose<Instance extends MongooseInstance>(
  guard: MongoGuard,
  mongoose: Instance,
  connection: Instance["connection"] = mongoose.connection,
): Promise<Instance> {
  const { client } = guard;
  if (!(client instanceof mongoose.mongo.MongoClient)) {
    throw new PartywallError(
      "PW_CONFIG",
      "The guard was not made of the driver inside this Mongoose. Make it with guardMongo(mongoose.mongo, …).",
    );
  }
  prepare(guard, mongoose);
  const settable = connection as SettableConnection;
  if (settable.readyState !== DISCONNECTED) {
    throw new PartywallError(
      "PW_CONFIG",
      "This Mongoose connection is connected or connecting already, and not over the guard. Leave mongoose.connect() out: guardMongoose() connects it.",
    );
  }
  await (client as { connect(): Promise<unknown> }).connect();
  settable.setClient(client);
  return mongoose;
}

function prepare(guard: MongoGuard, mongoose: MongooseInstance): void {
  const known = guards.get(mongoose);
  if (known === guard) return;
  if (known !== undefined || Object.keys(mongoose.models).length > 0) {
    throw new PartywallError(
      "PW_CONFIG",
      known === undefined
        ? "This Mongoose has models already, which would not be guarded in full. Call guardMongoose() before models are made."
        : "This Mongoose belongs to another guard. Make an instance of its own: new mongoose.Mongoose().",
    );
  }
  const internals = mongoose as unknown as MongooseInternals;
  runWhereBuilt(internals);
  queueInScope(internals);
  showTenant(guard, internals);
  guards.set(mongoose, guard);
  guard.noteModels(mongooseModels(mongoose));
}

/**
 * Describes a Mongoose instance to the audit of the guard: its connections, whether over the guard or not, and their models. The
 * instance of `guardMongoose()` is described already; this is for further copies.
 *
 * @example
 * ```ts
 * import mongoose from "mongoose";
 * import { createPartywall } from "partywall";
 * import { mongooseModels } from "partywall/adapters/mongoose";
 * import { guardMongo } from "partywall/guards/mongodb";
 *
 * const pw = createPartywall({
 *   mongodb: guardMongo(mongoose.mongo, {
 *     app: process.env["MONGODB_URL"],
 *     system: process.env["SYSTEM_MONGODB_URL"],
 *   }),
 * });
 * const other = new mongoose.Mongoose();
 * const { findings } = await pw.system({ reason: "the nightly audit" }, () =>
 *   pw.mongodb.audit({ tenants: () => pw.tenants.all(), models: [mongooseModels(other)] }),
 * );
 * console.log(findings.length);
 * ```
 */
export function mongooseModels(mongoose: MongooseInstance): ModelSource {
  return { connections: () => connectionsOf(mongoose as unknown as DescribedMongoose) };
}
