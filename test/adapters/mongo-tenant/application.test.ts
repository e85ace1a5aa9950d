import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";
import { defineLibrary, libraryOf } from "./library.js";
import { openTenantSite, type TenantSite } from "./site.js";

describeMongo("an application written for mongo-tenant 1.8, with one import changed", (mongo) => {
  for (const [name, mongoose] of MONGOOSES) {
    describe(`runs on ${name}`, () => {
      let site: TenantSite;
      let acme: ReturnType<typeof libraryOf>;
      let bolt: ReturnType<typeof libraryOf>;
      beforeEach(async () => {
        site = await openTenantSite(mongoose, mongo);
        defineLibrary(site.mongoose);
        await site.inSystem(async () => {
          for (const one of ["author", "book", "loan"])
            await site.mongoose.model(one).createIndexes();
        });
        acme = libraryOf(site.mongoose, "acme");
        bolt = libraryOf(site.mongoose, "bolt");
      });
      afterEach(() => site.pw.close());

      test("and does for each tenant what it did, with the other's documents untouched", async () => {
        await acme.open();
        await bolt.open();
        const before = await site.stored.collection("books").find({ tenantId: "bolt" }).toArray();
        expect(await acme.titles()).toEqual(["Gates", "Walls"]);
        expect(await acme.authorOf("Walls")).toBe("Ada");
        const renamed = await acme.rename("Walls", "Fences");
        expect(renamed.owner).toBe("acme");
        expect(await renamed.byAuthor()).toMatchObject({ name: "Ada", tenantId: "acme" });
        await acme.buy("A");
        expect(await acme.perShelf()).toEqual([{ _id: "A", n: 2 }]);
        expect(await acme.lent()).toBe(1);
        await renamed.deleteOne();
        expect(await acme.titles()).toEqual(["Gates"]);
        const after = await site.stored.collection("books").find({ tenantId: "bolt" }).toArray();
        expect(after).toEqual(before);
        expect(await bolt.titles()).toEqual(["Gates", "Walls"]);
        expect(await site.stored.collection("books").countDocuments({ copies: 2 })).toBe(1);
      });

      test("and cannot lend a book of another tenant", async () => {
        const book = await bolt.open();
        await expect(acme.Loan.create({ reader: "Mallory", book: book._id })).rejects.toThrow(
          "no such book",
        );
        expect(await site.stored.collection("loans").countDocuments({ tenantId: "acme" })).toBe(0);
      });

      test("and finds each value unique once for each tenant", async () => {
        await acme.open();
        await bolt.open();
        await expect(acme.Book.create({ title: "x", isbn: "1" })).rejects.toMatchObject({
          code: 11000,
        });
        await expect(
          acme.Book.create({ title: "x", isbn: "3", shelf: "A", place: 1 }),
        ).rejects.toMatchObject({ code: 11000 });
      });
    });
  }
});
