import type * as mongodb from "mongodb";
import { EachError } from "partywall";
import { beforeEach, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { collectionsIn, indexesOf, newcomer, openHomes } from "./homes.js";

describeMongo("the homes of many tenants are migrated", (mongo) => {
  let site: ReturnType<typeof openHomes>;
  let tenants: ReturnType<typeof newcomer>[];
  let databases: mongodb.Db[];
  beforeEach(async () => {
    site = openHomes(mongo);
    databases = Array.from({ length: 5 }, () => site.home());
    tenants = databases.map((database) => newcomer(database));
    const homes = site.homes({ collections: [{ name: "orders" }] });
    for (const tenant of tenants) await homes.provision(tenant);
  });

  test("each in its own, with what is new of the list, and rows not at all", async () => {
    const seen: (string | undefined)[] = [];
    const homes = site.homes({
      collections: [{ name: "orders", indexes: [{ key: { n: 1 } }] }, { name: "bills" }],
      migrate: async ({ tenant, database, client, connectionString }) => {
        seen.push(tenant.id);
        expect(new URL(connectionString).pathname).toBe(`/${database}`);
        await client.db(database).collection("orders").insertOne({ by: tenant.id });
      },
    });
    const progress: number[] = [];
    const all = [...tenants, newcomer()];
    const onProgress = ({ done }: { readonly done: number }) => void progress.push(done);
    expect(await homes.migrateAll(all, { onProgress })).toEqual({ succeeded: 6 });
    expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
    expect(seen).toHaveLength(5);
    expect(new Set(seen)).toEqual(new Set(tenants.map(({ id }) => id)));
    for (const [at, database] of databases.entries()) {
      expect(await collectionsIn(database)).toEqual(["bills", "orders", "partywall.home"]);
      expect(await indexesOf(database, "orders")).toEqual(["_id", "n"]);
      expect(await database.collection("orders").distinct("by")).toEqual([tenants[at]!.id]);
    }
    expect(await collectionsIn(site.shared)).toEqual([]);
  });

  test("all of them, and those that failed are told", async () => {
    const bad = new Set([tenants[1]!.id, tenants[3]!.id]);
    const done: string[] = [];
    const homes = site.homes({
      migrate: async ({ tenant }) => {
        if (bad.has(tenant.id)) throw new Error("no");
        done.push(tenant.id);
      },
    });
    const error: unknown = await homes.migrateAll(tenants).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(EachError);
    expect((error as EachError).succeeded).toBe(3);
    expect(new Set((error as EachError).failures.map(({ tenantId }) => tenantId))).toEqual(bad);
    expect(done).toHaveLength(3);
    bad.clear();
    expect(await homes.migrateAll(tenants)).toEqual({ succeeded: 5 });
  });

  test("one first, and no other where it fails", async () => {
    const begun: string[] = [];
    const homes = site.homes({
      migrate: ({ tenant }) => {
        begun.push(tenant.id);
        throw new Error("no");
      },
    });
    await expect(homes.migrateAll(tenants)).rejects.toMatchObject({ code: "PW_EACH_FAILED" });
    expect(begun).toEqual([tenants[0]!.id]);
  });

  test("only where they are finished", async () => {
    await databases[0]!.collection("partywall.home").updateOne({}, { $set: { stage: "building" } });
    const homes = site.homes({ migrate: () => undefined });
    await expect(homes.migrate(tenants[0]!)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
    await expect(homes.migrate(newcomer(site.home()))).rejects.toMatchObject({
      code: "PW_PLACEMENT",
    });
    await expect(site.homes().migrate(tenants[1]!)).rejects.toMatchObject({ code: "PW_CONFIG" });
  });
});
