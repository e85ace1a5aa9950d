import type * as mongodb from "mongodb";
import mongoose, { Schema } from "mongoose";
import type * as adapter from "partywall/adapters/mongoose";
import type { Library, OpenLibrary } from "./library.js";
import { orderOf, TOTALS, type Order } from "./orders.js";

const open: OpenLibrary = async ({ guard, url, max, folder }) => {
  mongoose.set("autoIndex", false);
  mongoose.set("autoCreate", false);
  if (guard === undefined) {
    await mongoose.connect(url, { maxPoolSize: max });
  } else {
    const { guardMongoose } = (await import(`${folder}/adapters/mongoose.js`)) as typeof adapter;
    await guardMongoose(guard, mongoose);
  }
  const fields = { n: Number, state: String, total: Number, note: String };
  const schema = () =>
    new Schema<Order>(guard === undefined ? { tenantId: String, ...fields } : fields);
  const orders = mongoose.model("Order", schema(), "orders");
  const journal = mongoose.model("Journal", schema(), "journal");
  const own = (tenantId: string) => (guard === undefined ? { tenantId } : {});
  return {
    find: (tenant, n) => orders.findOne({ ...own(tenant), n }).exec(),
    findTwenty: (tenant, n) =>
      orders
        .find({ ...own(tenant), n: { $gte: n } })
        .sort({ n: 1 })
        .limit(20)
        .exec(),
    aggregate: (tenant) =>
      orders
        .aggregate<{ _id: string; sum: number }>(
          guard === undefined ? [{ $match: own(tenant) }, ...TOTALS] : TOTALS,
        )
        .exec(),
    update: (tenant, n) => orders.updateOne({ ...own(tenant), n }, { $inc: { total: 1 } }).exec(),
    insert: (tenant, n) => journal.create({ ...own(tenant), ...orderOf(n) }),
    insertHundred: (tenant, n) =>
      journal.insertMany(
        Array.from({ length: 100 }, (_, more) => ({ ...own(tenant), ...orderOf(n + more) })),
      ),
  };
};

/** Mongoose, with the driver inside it. */
export const library: Library = {
  name: "Mongoose 9",
  driver: mongoose.mongo as unknown as typeof mongodb,
  open,
};
