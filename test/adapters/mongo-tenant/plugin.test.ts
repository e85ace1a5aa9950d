import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Model, Schema } from "mongoose";
import mongoTenant, {
  type MongoTenantOptions,
  type TenantModel,
} from "partywall/adapters/mongo-tenant";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";
import { openTenantSite, type TenantSite } from "./site.js";

interface Book {
  title: string;
  author?: unknown;
  tenantId?: string;
}

type Books = TenantModel<Model<Book>>;

describeMongo("the plugin mongoTenant", (mongo) => {
  for (const [name, mongoose] of MONGOOSES) {
    describe(`of ${name}`, () => {
      let site: TenantSite;
      beforeEach(async () => {
        site = await openTenantSite(mongoose, mongo);
      });
      afterEach(() => site.pw.close());
      const schemaOf = (fields: object = { title: String }, options?: object) =>
        new site.mongoose.Schema(fields, options as never) as unknown as Schema<Book, Books>;
      const model = (one: string, schema: Schema<Book, Books>, options?: MongoTenantOptions) => {
        schema.plugin(mongoTenant, options);
        return site.mongoose.model<Book, Books>(one, schema);
      };
      const storedIn = (collection: string) =>
        site.stored.collection<Book>(collection).find().sort({ title: 1 }).toArray();

      test("has mongo-tenant's API", async () => {
        const Book = model("book", schemaOf());
        const Bound = Book.byTenant("acme");
        expect(Book.byTenant("acme")).toBe(Bound);
        expect(Bound.byTenant("acme")).toBe(Bound);
        expect(Bound.byTenant("bolt")).toBe(Book.byTenant("bolt"));
        expect(Book.allTenants()).toBe(Bound.allTenants());
        expect(Bound.modelName).toBe("book");
        expect(Bound.hasTenantContext).toBe(true);
        expect(Bound.getTenantId()).toBe("acme");
        expect(Book.hasTenantContext).toBeUndefined();
        expect(new Book()).not.toHaveProperty("hasTenantContext");
        const document = new Bound({ title: "Walls" });
        expect(document).toMatchObject({ hasTenantContext: true });
        expect(document).toBeInstanceOf(Book);
        expect(document).toBeInstanceOf(Bound);
        expect(document).not.toBeInstanceOf(Book.byTenant("bolt"));
        expect(await Bound.create({ title: "Gates" })).toBeInstanceOf(Bound);
        expect(await Bound.findOne()).toBeInstanceOf(Bound);
        const { mongoTenant: description } = Bound;
        expect(description.isEnabled()).toBe(true);
        expect(description.getTenantIdKey()).toBe("tenantId");
        expect(description.getTenantIdType()).toBe(String);
        expect(description.getTenantIdGetter()).toBe("getTenantId");
        expect(description.getAccessorMethod()).toBe("byTenant");
        expect(description.isTenantIdRequired()).toBe(false);
        expect(description.isCompatibleTo(Book.mongoTenant)).toBe(true);
        expect(description.isCompatibleTo({ getTenantIdKey: () => "customerId" })).toBe(false);
        expect(description.isCompatibleTo(undefined)).toBe(false);
      });

      test("takes mongo-tenant's options", async () => {
        await site.pw.close();
        site = await openTenantSite(mongoose, mongo, {
          tenantField: "customerId",
          tenantValue: ({ id }) => Number(id),
        });
        await site.pw.tenants.create({ id: "7", slug: "seven", name: "Seven" });
        const Book = model("book", schemaOf(), {
          tenantIdKey: "customerId",
          tenantIdType: Number,
          tenantIdGetter: "getCustomerId",
          accessorMethod: "byCustomer",
          requireTenantId: true,
        });
        // oxlint-disable-next-line typescript/no-explicit-any -- the names are the application's
        const Bound = (Book as any).byCustomer(7);
        expect(Bound.getCustomerId()).toBe(7);
        const book = await Bound.create({ title: "Walls" });
        expect(book.customerId).toBe(7);
        expect(book.getCustomerId()).toBe(7);
        expect(await storedIn("books")).toMatchObject([{ title: "Walls", customerId: 7 }]);
        expect(Bound.mongoTenant.isTenantIdRequired()).toBe(true);
        await expect(new Book({ title: "x" }).validate()).rejects.toThrow("customerId");
      });

      test("switched off, it leaves the schema as it is and gives the model itself", async () => {
        const schema = schemaOf({ title: { type: String, unique: true } });
        // No guard: one customer's own installation.
        const alone = new mongoose.Mongoose({ autoIndex: false, autoCreate: false });
        schema.plugin(mongoTenant, { enabled: false });
        const Book = alone.model<Book, Books>("book", schema);
        expect(Book.byTenant("acme")).toBe(Book);
        expect(Book.allTenants()).toBe(Book);
        expect(Book.mongoTenant.isEnabled()).toBe(false);
        expect(schema.path("tenantId")).toBeUndefined();
        expect(schema.indexes()[0]?.[0]).toEqual({ title: 1 });
      });

      test("is refused where nothing would keep tenants apart", () => {
        const alone = new mongoose.Mongoose({ autoIndex: false, autoCreate: false });
        const schema = schemaOf();
        schema.plugin(mongoTenant);
        expect(() => alone.model("book", schema)).toThrowError(
          expect.objectContaining({ code: "PW_CONFIG" }),
        );
        const copy = alone.model("copy", new alone.Schema({})) as unknown as Books;
        expect(() =>
          Reflect.apply(schema.statics["byTenant" as never] as () => void, copy, ["acme"]),
        ).toThrow("not over the guard");
      });

      test("refuses options that it does not know, and another field than the guard's", () => {
        for (const options of [
          { tenantIdkey: "x" },
          { tenantIdKey: "" },
          { enabled: "no" },
          { accessorMethod: 1 },
        ])
          expect(() => schemaOf().plugin(mongoTenant, options as object)).toThrowError(
            expect.objectContaining({ code: "PW_CONFIG" }),
          );
        expect(() => model("book", schemaOf(), { tenantIdKey: "customerId" })).toThrow(
          'tenantField: "customerId"',
        );
      });

      test("a document stays its tenant's: saved, changed, reloaded and removed later", async () => {
        const Book = model("book", schemaOf());
        await Book.byTenant("bolt").create({ title: "theirs" });
        const book = new (Book.byTenant("acme"))({ title: "Walls" });
        await book.save();
        expect(book.tenantId).toBe("acme");
        expect(book.isModified()).toBe(false);
        // Whoever runs: the document says whose it is.
        await site.inSystem(async () => {
          book.title = "Gates";
          await book.save();
          await book.updateOne({ $set: { title: "Doors" } });
        });
        expect(await storedIn("books")).toMatchObject([
          { title: "Doors", tenantId: "acme" },
          { title: "theirs", tenantId: "bolt" },
        ]);
        await expect(site.pw.run("bolt", () => book.save())).rejects.toMatchObject({
          code: "PW_SCOPE_SWITCH",
        });
        await book.deleteOne();
        expect(await storedIn("books")).toMatchObject([{ tenantId: "bolt" }]);
      });

      test("what it leads to is the tenant's: models, references, discriminators", async () => {
        const Author = model("author", schemaOf());
        const Book = model(
          "book",
          schemaOf(
            {
              title: String,
              author: { type: site.mongoose.Schema.Types.ObjectId, ref: "author" },
            },
            { discriminatorKey: "kind" },
          ),
        );
        Book.discriminator("audio", new site.mongoose.Schema({ minutes: Number }));
        const Bound = Book.byTenant("acme");
        expect(Bound.db.model("author")).toBe(Author.byTenant("acme"));
        expect(Reflect.apply(Reflect.get(Bound, "model"), Bound, ["author"])).toBe(
          Author.byTenant("acme"),
        );
        const theirs = await Author.byTenant("bolt").create({ title: "theirs" });
        const mine = await Author.byTenant("acme").create({ title: "mine" });
        const book = await Bound.create({ title: "a", author: mine._id });
        await Bound.create({ title: "b", author: theirs._id });
        expect(book.$model("author")).toBe(Author.byTenant("acme"));
        expect(book.db.model("author")).toBe(Author.byTenant("acme"));
        await book.populate("author");
        expect(book.author).toBeInstanceOf(Author.byTenant("acme"));
        const [first, second] = await Bound.find().sort({ title: 1 }).populate("author");
        expect(first!.author).toMatchObject({ title: "mine" });
        expect(second!.author).toBeNull();
        // One that was added later, and by the bound model.
        Reflect.apply(Bound.discriminator, Bound, [
          "paper",
          new site.mongoose.Schema({ pages: Number }),
        ]);
        const fields = { title: "c", kind: "audio", minutes: 3 } as object;
        const saved = [
          new Bound(fields),
          await Bound.create({ title: "d", kind: "paper" } as object),
          new Bound.discriminators!["audio"]!({ title: "e" }),
        ];
        for (const document of saved) {
          expect(document).toMatchObject({ hasTenantContext: true });
          expect(document).toBeInstanceOf(Bound);
          await document.save();
        }
        expect(saved[0]).toBeInstanceOf(Bound.discriminators!["audio"]!);
        const [found] = await Bound.find({ title: "c" });
        expect(found).toBeInstanceOf(Bound.discriminators!["audio"]!);
        expect(Book.discriminators!["audio"]).not.toBe(Bound.discriminators!["audio"]);
        expect((await storedIn("books")).map(({ tenantId }) => tenantId)).toEqual(
          Array.from({ length: 5 }, () => "acme"),
        );
      });

      test("a model without the plugin is reached bound as well, and a shared one read", async () => {
        const Plan = site.mongoose.model("plan", new site.mongoose.Schema({ title: String }));
        const Note = site.mongoose.model("note", new site.mongoose.Schema({ title: String }));
        await site.stored.collection("plans").insertOne({ title: "gold" });
        const Book = model(
          "book",
          schemaOf({ title: String, author: { type: String, ref: "plan" } }),
        );
        const { db } = Book.byTenant("acme");
        expect(await db.model("plan").find()).toMatchObject([{ title: "gold" }]);
        await expect(db.model("plan").create({ title: "tin" })).rejects.toMatchObject({
          code: "PW_STATEMENT_REFUSED",
        });
        await db.model("note").create({ title: "mine" });
        expect(await storedIn("notes")).toMatchObject([{ title: "mine", tenantId: "acme" }]);
        expect([Plan, Note]).not.toContain(db.model("note"));
      });

      test("hooks of the application run in the tenant's scope", async () => {
        const seen: unknown[] = [];
        const note = () => void seen.push(site.pw.tryCurrent()?.id);
        const schema = schemaOf();
        schema.pre("save", note);
        schema.post("save", note);
        schema.pre("find", note);
        schema.post("find", note);
        schema.pre("aggregate", note);
        schema.pre("updateOne", note);
        const Bound = model("book", schema).byTenant("acme");
        await Bound.create({ title: "a" });
        await Bound.find();
        await Bound.aggregate([{ $match: {} }]);
        await Bound.updateOne({}, { title: "b" });
        expect(seen).toEqual(Array.from({ length: 6 }, () => "acme"));
      });

      test("cannot be rebound to what is not the tenant's", () => {
        const Bound = model("book", schemaOf()).byTenant("acme") as unknown as Record<
          string,
          unknown
        >;
        const { connection } = site.mongoose;
        for (const key of ["db", "collection", "$__collection", "discriminators"])
          expect(() => {
            Bound[key] = connection.collection("books");
          }).toThrow(TypeError);
      });

      test("tenants that nobody uses any more are not kept", async () => {
        const Book = model("book", schemaOf());
        setFlagsFromString("--expose-gc");
        const gc = runInNewContext("gc") as () => void;
        // In a function of its own, whose frame does not outlive it.
        const first = (() => new WeakRef(Book.byTenant("nobody")))();
        const kept = Book.byTenant("acme");
        await expect
          .poll(() => {
            gc();
            return first.deref() === undefined;
          })
          .toBe(true);
        expect(Book.byTenant("acme")).toBe(kept);
      });
    });
  }
});
