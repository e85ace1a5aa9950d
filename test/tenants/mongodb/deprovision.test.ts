import { setTimeout as sleep } from "node:timers/promises";
import * as mongodb from "mongodb";
import { provisioner } from "partywall/tenants/mongodb";
import { beforeEach, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { startRelay } from "../../guards/mongodb/relay.js";
import { collectionsIn, markOf, newcomer, openHomes } from "./homes.js";

const COLLECTIONS = [{ name: "orders" }, { name: "customers" }];

describeMongo("a home is taken down", (mongo) => {
  let site: ReturnType<typeof openHomes>;
  let home: mongodb.Db;
  beforeEach(async () => {
    site = openHomes(mongo);
    home = site.home();
  });

  const made = async () => {
    const tenant = { ...newcomer(home), status: "suspended" as const };
    await site.homes({ collections: COLLECTIONS }).provision(tenant);
    await home.collection("orders").insertOne({ n: 1 });
    return tenant;
  };

  test("whole, and again to no effect", async () => {
    const tenant = await made();
    const homes = site.homes();
    const confirm = tenant.slug;
    const dropped = [`database "${home.databaseName}"`];
    expect(await homes.deprovision(tenant, { confirm, dryRun: true })).toEqual({
      dropped,
      kept: [],
    });
    expect(await home.collection("orders").countDocuments()).toBe(1);
    expect(await homes.deprovision(tenant, { confirm })).toEqual({ dropped, kept: [] });
    expect(await collectionsIn(home)).toEqual([]);
    expect(await homes.deprovision(tenant, { confirm })).toEqual({ dropped: [], kept: [] });
    await site.homes({ collections: COLLECTIONS }).provision(tenant);
    expect(await home.collection("orders").countDocuments()).toBe(0);
  });

  test("never of a tenant that is at work, or was not confirmed by its slug", async () => {
    const tenant = await made();
    const homes = site.homes();
    for (const [one, confirm] of [
      [tenant, ""],
      [tenant, tenant.id],
      [{ ...tenant, status: "active" }, tenant.slug],
      [{ ...tenant, status: "provisioning" }, tenant.slug],
    ] as const) {
      await expect(homes.deprovision(one, { confirm })).rejects.toMatchObject({
        code: "PW_PLACEMENT",
      });
    }
    expect(await home.collection("orders").countDocuments()).toBe(1);
  });

  test("never where it is not marked, or as another's, also when that changes meanwhile", async () => {
    await home.collection("orders").insertOne({ n: 1 });
    const tenant = { ...newcomer(home), status: "deleted" as const };
    const how = { confirm: tenant.slug };
    await expect(site.homes().deprovision(tenant, how)).rejects.toMatchObject({
      code: "PW_PLACEMENT",
    });
    expect(await collectionsIn(home)).toEqual(["orders"]);
    const other = site.home();
    const owner = newcomer(other);
    await site.homes({ collections: COLLECTIONS }).provision(owner);
    const marks = other.collection("partywall.home");
    // Somebody holds it, and gives it to another tenant before letting go.
    await marks.updateOne({}, { $set: { lease: { holder: "somebody", beat: 1 } } });
    const owned = { ...owner, status: "deleted" as const };
    const taken = site.homes().deprovision(owned, { confirm: owner.slug });
    const outcome = taken.catch((error: { code: string }) => error.code);
    await sleep(300);
    await marks.updateOne({}, { $set: { tenantId: "another" }, $unset: { lease: "" } });
    expect(await outcome).toBe("PW_PLACEMENT");
    expect(await collectionsIn(other)).toEqual(["customers", "orders", "partywall.home"]);
  });

  test("not at all of a tenant that lives by row", async () => {
    await site.shared.collection("orders").insertOne({ n: 1 });
    const tenant = { ...newcomer(), status: "deleted" as const };
    expect(await site.homes().deprovision(tenant, { confirm: tenant.slug })).toEqual({
      dropped: [],
      kept: [],
    });
    expect(await site.shared.collection("orders").countDocuments()).toBe(1);
  });

  test("its mark last, so that what a broken connection left is known for its own", async () => {
    const tenant = await made();
    const relay = await startRelay(mongo.url);
    try {
      const homes = provisioner(mongodb, {
        admin: `${relay.url}${site.shared.databaseName}?retryWrites=false`,
      });
      relay.breakNext("dropDatabase");
      await expect(homes.deprovision(tenant, { confirm: tenant.slug })).rejects.toThrow("closed");
    } finally {
      await relay.close();
    }
    expect(await collectionsIn(home)).toEqual(["partywall.home"]);
    expect(await markOf(home)).toMatchObject({ tenantId: tenant.id, stage: "dropping" });
    const report = await site.homes().deprovision(tenant, { confirm: tenant.slug });
    expect(report.dropped).toHaveLength(1);
    expect(await collectionsIn(home)).toEqual([]);
  });
});
