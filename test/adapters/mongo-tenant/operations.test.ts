import type { Model } from "mongoose";
import mongoTenant, { type TenantModel } from "partywall/adapters/mongo-tenant";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { describeMongo } from "../../support/mongo.js";
import { KEPT, LEAKED, SEEDS, type Operation } from "./operations.js";
import { openTenantSite, type TenantSite } from "./site.js";

interface Item {
  n: number;
  tenantId?: string;
}

type Where = readonly [
  name: string,
  run: (site: TenantSite, fn: () => unknown) => Promise<unknown>,
];

/** Where the bound model of acme is used. */
const PLACES: readonly Where[] = [
  ["outside any scope", async (_, fn) => fn()],
  ["in the tenant's own scope", ({ pw }, fn) => pw.run("acme", fn)],
  ["in a central scope", ({ pw }, fn) => pw.central(fn)],
  ["in a system scope", ({ inSystem }, fn) => inSystem(fn)],
];

describeMongo("each operation of a bound model", (mongo) => {
  for (const [name, mongoose] of MONGOOSES) {
    describe(`of ${name}`, () => {
      let site: TenantSite;
      let Items: TenantModel<Model<Item>>;
      const stored = async () =>
        (await site.stored.collection<Item>("items").find().toArray()).map(({ n, tenantId }) => [
          tenantId,
          n,
        ]);
      const numbersOf = async (tenant: string) =>
        (await stored())
          .filter(([owner]) => owner === tenant)
          .map(([, n]) => n as number)
          .toSorted((x, y) => x - y);
      beforeEach(async () => {
        site = await openTenantSite(mongoose, mongo);
        const { Schema } = site.mongoose;
        const schema = new Schema<Item, TenantModel<Model<Item>>>({ n: Number });
        schema.plugin(mongoTenant);
        Items = site.mongoose.model<Item, TenantModel<Model<Item>>>("item", schema);
        const seeds = Object.entries(SEEDS).flatMap(([tenantId, all]) =>
          all.map((n) => ({ tenantId, n })),
        );
        // The other's come first, where an operation on one document would take them.
        await site.stored.collection("items").insertMany(seeds.toReversed());
      });
      afterEach(() => site.pw.close());

      const after = async ({ run }: Operation, within: Where[1]) => {
        let gave: unknown;
        await within(site, async () => {
          gave = await run(Items.byTenant("acme"));
        });
        return {
          gave,
          left: await numbersOf("acme"),
          others: await numbersOf("bolt"),
          all: await stored(),
        };
      };

      const all = [
        ...KEPT.map((operation) => ["", operation] as const),
        ...LEAKED.map((operation) => [", which leaked,", operation] as const),
      ];
      for (const [where, within] of PLACES)
        for (const [leaked, operation] of all)
          test(`${operation.name}${leaked} is kept to the tenant ${where}`, async () => {
            const { gives, leaves = SEEDS.acme } = operation;
            const { gave, left, others, all: documents } = await after(operation, within);
            expect(gives === undefined ? undefined : gave).toEqual(gives);
            expect(left).toEqual(leaves);
            expect(others).toEqual(SEEDS.bolt);
            expect(documents).toHaveLength(leaves.length + SEEDS.bolt.length);
          });

      test("cannot be used in another tenant's scope, nor bound there", async () => {
        const Bound = Items.byTenant("acme");
        await site.pw.run("bolt", async () => {
          for (const { name: operation, run } of [...KEPT, ...LEAKED])
            await expect((async () => run(Bound))(), operation).rejects.toMatchObject({
              code: "PW_SCOPE_SWITCH",
            });
          expect(() => Items.byTenant("acme")).toThrowError(
            expect.objectContaining({ code: "PW_SCOPE_SWITCH" }),
          );
          expect(() => Bound.byTenant("acme")).toThrowError(
            expect.objectContaining({ code: "PW_SCOPE_SWITCH" }),
          );
          expect(await Items.byTenant("bolt").countDocuments()).toBe(2);
        });
        expect(site.denied).toContain("PW_SCOPE_SWITCH");
        expect(await numbersOf("acme")).toEqual(SEEDS.acme);
        expect(await numbersOf("bolt")).toEqual(SEEDS.bolt);
      });

      test("unbound is the current scope's, and refused outside any", async () => {
        for (const { name: operation, run, gives, leaves } of [...KEPT, ...LEAKED]) {
          await expect((async () => run(Items))(), operation).rejects.toMatchObject({
            code: "PW_NO_SCOPE",
          });
          if (leaves !== undefined || gives === undefined) continue;
          expect(await site.pw.run("acme", () => run(Items)), operation).toEqual(gives);
        }
        expect(await numbersOf("acme")).toEqual(SEEDS.acme);
      });

      test("of all tenants is for system scopes", async () => {
        const All = Items.allTenants();
        expect(All.hasTenantContext).toBe(false);
        const everywhere: [(fn: () => unknown) => Promise<unknown>, string][] = [
          [async (fn) => fn(), "PW_NO_SCOPE"],
          [(fn) => site.pw.run("acme", fn), "PW_SCOPE_SWITCH"],
          [(fn) => site.pw.central(fn), "PW_CENTRAL_SCOPE"],
        ];
        for (const [within, code] of everywhere)
          for (const { name: operation, run } of [...KEPT, ...LEAKED])
            await expect(
              within(() => run(All)),
              `${operation} ${code}`,
            ).rejects.toMatchObject({ code });
        const [query] = await site.inSystem(() => [All.find()]);
        await expect(query).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
        expect(await site.inSystem(() => All.countDocuments())).toBe(4);
        await site.inSystem(() => All.updateMany({ n: 1 }, { $inc: { n: 4 } }));
        expect(await numbersOf("acme")).toEqual([2, 5]);
        expect(await numbersOf("bolt")).toEqual([3, 5]);
      });

      test("is refused where the tenant is unknown or suspended, whatever was bound before", async () => {
        const Bound = Items.byTenant("acme");
        expect(await Bound.countDocuments()).toBe(2);
        const [query] = [Bound.find()];
        await site.pw.tenants.suspend("acme");
        await expect(query).rejects.toMatchObject({ code: "PW_TENANT_SUSPENDED" });
        await expect(Bound.create({ n: 9 })).rejects.toMatchObject({ code: "PW_TENANT_SUSPENDED" });
        for (const nobody of ["nobody", "acme ", "Acme"])
          await expect(Items.byTenant(nobody).find()).rejects.toMatchObject({
            code: "PW_TENANT_UNKNOWN",
          });
        for (const injected of ["", null, undefined, ["bolt"], { $ne: null }, Number.NaN, true])
          expect(() => Items.byTenant(injected as string)).toThrowError(
            expect.objectContaining({ code: "PW_TENANT_INVALID" }),
          );
      });
    });
  }
});
