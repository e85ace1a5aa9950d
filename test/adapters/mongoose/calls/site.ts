import type { Mongoose, Model, Types } from "mongoose";
import { createPartywall } from "partywall";
import { guardMongoose } from "partywall/adapters/mongoose";
import { guardMongo } from "partywall/guards/mongodb";

/** A document of the calls. Its note says whose it is. */
export interface Order {
  n: number;
  note: string;
  customer?: Types.ObjectId;
  next?: number;
  at?: { type: "Point"; coordinates: number[] };
}

export interface Customer {
  name: string;
  note: string;
}

/** What a call is tried with. */
export type CallSite = Awaited<ReturnType<typeof openCallSite>>;

/** The note of everything that is the other tenant's: where an answer has it, it leaked. */
export const THEIRS = "of the other tenant";
export const MINE = "of the tenant";

/** The first order of each. */
export const MY_ORDER = "a".repeat(24);
export const THEIR_ORDER = "b".repeat(24);

/** Opens an instance with two tenants over Mongoose, and notes the commands as they were sent. */
export async function openCallSite(MongooseClass: typeof Mongoose, url: string, realm: string) {
  const mongoose = new MongooseClass({ autoIndex: false, autoCreate: false });
  const guard = guardMongo(mongoose.mongo, {
    app: url,
    system: url,
    shared: ["plans"],
    clientOptions: { monitorCommands: true, maxPoolSize: 2 },
  });
  const pw = createPartywall({ realm, mongodb: guard });
  const connected = guardMongoose(pw.mongodb, mongoose);
  const { Schema } = mongoose;
  const customerSchema = new Schema<Customer>({ name: String, note: String });
  customerSchema.virtual("orders", {
    ref: "Order",
    localField: "_id",
    foreignField: "customer",
  });
  const orderSchema = new Schema<Order>({
    n: Number,
    note: String,
    customer: { type: Schema.Types.ObjectId, ref: "Customer" },
    next: Number,
    at: { type: Object },
  });
  orderSchema.index({ n: 1 }, { unique: true });
  const Customer = mongoose.model("Customer", customerSchema) as unknown as Model<Customer>;
  const Order = mongoose.model("Order", orderSchema) as unknown as Model<Order>;
  await connected;
  const seen: Record<string, unknown>[] = [];
  guard.client.on("commandStarted", ({ command }) => void seen.push(command));
  const a = (await pw.tenants.create({ slug: "acme", name: "Acme" })).id;
  const b = (await pw.tenants.create({ slug: "bolt", name: "Bolt" })).id;
  return {
    mongoose,
    guard,
    pw,
    Order,
    Customer,
    a,
    b,
    inA: <T>(fn: () => T) => pw.run(a, fn),
    inB: <T>(fn: () => T) => pw.run(b, fn),
    database: mongoose.connection.db!,
    client: mongoose.connection.getClient(),
    /** The commands that were sent since the last time this was asked. */
    sent: () =>
      seen.splice(0).filter((command) => !("ping" in command || "endSessions" in command)),
  };
}

/** Gives each tenant a customer and its orders 1 to 3, alike but for the note. */
export async function fill({ Order, Customer, inA, inB, sent }: CallSite): Promise<void> {
  for (const [run, note, first] of [
    [inA, MINE, MY_ORDER],
    [inB, THEIRS, THEIR_ORDER],
  ] as const) {
    await run(async () => {
      const { _id: customer } = await Customer.create({ name: "Ann", note });
      await Order.insertMany([
        { _id: first, n: 1, note, customer, next: 2 },
        { n: 2, note, customer, next: 3 },
        { n: 3, note, customer },
      ]);
    });
  }
  sent();
}
