import type { Model } from "mongoose";
import mongoTenant, { type TenantModel } from "partywall/adapters/mongo-tenant";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";
import { openTenantSite, type TenantSite } from "./site.js";

type Items = TenantModel<Model<Record<string, unknown>>>;

describeMongo("unique indexes of a schema with the plugin mongoTenant", (mongo) => {
  for (const [name, mongoose] of MONGOOSES) {
    describe(`of ${name}`, () => {
      let site: TenantSite;
      beforeEach(async () => {
        site = await openTenantSite(mongoose, mongo);
      });
      afterEach(() => site.pw.close());

      // FerretDB has no partial indexes, which a sparse one becomes.
      const define = (sparse = false) => {
        const schema = new site.mongoose.Schema<Record<string, unknown>, Items>({
          name: { type: String, unique: true },
          email: { type: String, unique: true, sparse },
          code: { type: String, index: { unique: true } },
          licence: { type: String, unique: true, preserveUniqueKey: true } as object,
          plain: { type: String, index: true },
          a: Number,
          b: Number,
          c: Number,
          d: Number,
          late: Number,
        });
        schema.index({ a: 1, b: -1 }, { unique: true });
        schema.index({ c: 1 }, { unique: true, preserveUniqueKey: true } as object);
        schema.index({ d: 1 });
        schema.plugin(mongoTenant);
        schema.index({ late: 1 }, { unique: true });
        return {
          schema,
          Items: site.mongoose.model<Record<string, unknown>, Items>("item", schema),
        };
      };
      const created = async () =>
        Object.fromEntries(
          (await site.stored.collection("items").indexes()).map(({ key, unique }) => [
            Object.keys(key as object).join(),
            unique === true,
          ]),
        );

      test("begin with the tenant, whenever they were declared, unless they are to be kept", () => {
        const { schema } = define(true);
        const unique = schema.indexes().filter(([, { unique: is }]) => is);
        expect(unique.map(([key]) => Object.keys(key).join()).toSorted()).toEqual([
          "c",
          "licence",
          "tenantId,a,b",
          "tenantId,code",
          "tenantId,email",
          "tenantId,late",
          "tenantId,name",
        ]);
        const [, options] = unique.find(([key]) => "email" in key)!;
        expect(options).toMatchObject({
          unique: true,
          partialFilterExpression: { email: { $exists: true } },
        });
        expect(options).not.toHaveProperty("sparse");
        expect(JSON.stringify(schema.indexes())).not.toContain("preserveUniqueKey");
        const rest = schema.indexes().filter(([, { unique: is }]) => !is);
        expect(rest.map(([key]) => Object.keys(key).join()).toSorted()).toEqual([
          "d",
          "plain",
          "tenantId",
        ]);
      });

      test("are created in a system scope as the schema has them, and are then in step with it", async () => {
        const { Items } = define();
        await site.inSystem(() => Items.createIndexes());
        expect(await created()).toMatchObject({
          licence: true,
          c: true,
          "tenantId,name": true,
          "tenantId,a,b": true,
          "tenantId,late": true,
          plain: false,
        });
        expect(await site.inSystem(() => Items.diffIndexes())).toEqual({
          toDrop: [],
          toCreate: [],
        });
        const Acme = Items.byTenant("acme");
        await Acme.create({ name: "x", email: "x", code: "x", licence: "L1", c: 1 });
        await Items.byTenant("bolt").create({ name: "x", email: "x", licence: "L2", c: 2 });
        await expect(Acme.create({ name: "x", email: "y", c: 3 })).rejects.toMatchObject({
          code: 11000,
        });
        await expect(
          Items.byTenant("bolt").create({ name: "y", email: "y", licence: "L1", c: 4 }),
        ).rejects.toMatchObject({ code: 11000 });
      });

      test("created in a central scope begin with the tenant, those to be kept as well", async () => {
        const { Items } = define();
        await site.pw.central(() => Items.createIndexes());
        const names = Object.entries(await created());
        const unique = names.filter(([, is]) => is).map(([key]) => key);
        expect(unique).toContain("tenantId,licence");
        expect(unique.every((key) => key.startsWith("tenantId,"))).toBe(true);
      });

      test("are not created by a bound model, nor in a tenant's scope", async () => {
        const { Items } = define();
        await expect(Items.byTenant("acme").createIndexes()).rejects.toMatchObject({
          code: "PW_STATEMENT_REFUSED",
        });
        expect(await site.stored.listCollections({ name: "items" }).toArray()).toEqual([]);
      });
    });
  }
});
