import { randomUUID } from "node:crypto";
import { createPartywall, type Partywall } from "partywall";
import type { TenantStore } from "partywall/registry";
import { expect, it, onTestFinished } from "vitest";
import { DRIVERS } from "../guards/mongodb/drivers.js";
import { codeOf } from "../scope/instance.js";
import { record } from "./record.js";
import { describeStores } from "./stores.js";

function instance(store: TenantStore): Partywall {
  const pw = createPartywall({ realm: randomUUID(), store });
  onTestFinished(() => pw.close());
  return pw;
}

async function startTogether(nodes: readonly TenantStore[]): Promise<void> {
  await Promise.all(nodes.map(async (store) => store.init?.()));
  await Promise.all(nodes.map(async (store) => store.init?.()));
  await nodes[0]!.insert(record());
  for (const store of nodes) expect(await store.find({ slug: "acme" })).toEqual(record());
}

async function changeAtOnce(nodes: readonly TenantStore[]): Promise<void> {
  await nodes[0]!.insert(record());
  const updatedAt = "2026-05-06T07:08:09.010Z";
  for (let version = 1; version <= 10; version += 1) {
    const outcomes = await Promise.all(
      nodes.map((store, at) => store.update("acme", version, { name: `by ${at}`, updatedAt })),
    );
    expect(outcomes.filter((one) => one === "updated")).toHaveLength(1);
    expect(await nodes[0]!.find({ id: "acme" })).toMatchObject({
      version: version + 1,
      name: `by ${outcomes.indexOf("updated")}`,
    });
  }
}

describeStores(
  "a store",
  (stores) => {
    it("gives back what was put in, to the character", async () => {
      const store = stores.open();
      const odd = record({
        id: "Ünï 🧱'; drop table x; --",
        slug: "odd",
        name: 'a "name" \\ {}',
        status: "provisioning",
        placement: { strategy: "row", server: "eu-1", name: "n" },
        fields: {
          nested: [{ a: null, b: 1.5, c: "é🧱", d: true }],
          "quote\"'": "$1",
          "a.b": { $set: { "$where.x": 1 }, "": 0 },
          ["__proto__"]: { admin: true },
          numbers: [9_007_199_254_740_991, -1, 0.1, 1e21, 1.7976931348623157e308, 5e-324, 2 ** 40],
          since: "2026-01-02T03:04:05.678Z",
          deep: JSON.parse("[".repeat(25) + "1" + "]".repeat(25)) as unknown,
        },
        settings: { "x.$y": { $oid: "000000000000000000000000" }, n: { $numberLong: "1" } },
        version: 7,
      });
      expect(await store.insert(odd)).toBe("inserted");
      expect(await store.find({ id: odd.id })).toEqual(odd);
      expect(await store.find({ slug: "odd" })).toEqual(odd);
      expect(await store.find({ id: odd.id.toUpperCase() })).toBeUndefined();
    });

    it("keeps ids and slugs unique and versions in order", async () => {
      const store = stores.open();
      await store.insert(record());
      await store.insert(record({ id: "globex", slug: "globex" }));
      expect(await store.insert(record({ slug: "other" }))).toBe("id-taken");
      expect(await store.insert(record({ id: "other" }))).toBe("slug-taken");
      const updatedAt = "2026-05-06T07:08:09.010Z";
      expect(await store.update("acme", 1, { slug: "globex", updatedAt })).toBe("slug-taken");
      expect(await store.update("acme", 1, { name: "a", updatedAt })).toBe("updated");
      expect(await store.update("acme", 1, { name: "b", updatedAt })).toBe("conflict");
      expect(await store.update("nobody", 1, { updatedAt })).toBe("conflict");
      expect(await store.find({ id: "acme" })).toMatchObject({
        version: 2,
        updatedAt,
        slug: "acme",
        fields: {},
      });
      expect(
        await store.update("acme", 2, { status: "suspended", fields: { n: 1 }, updatedAt }),
      ).toBe("updated");
      expect(await store.find({ id: "acme" })).toMatchObject({
        status: "suspended",
        fields: { n: 1 },
        version: 3,
      });
    });

    it("lists by the bytes of the id, whatever the database's collation", async () => {
      const pw = instance(stores.open());
      for (const id of ["b", "a", "B", "😀", "\uFFFD", "é"]) {
        await pw.tenants.create({ id, slug: `s-${Buffer.from(id).toString("hex")}`, name: id });
      }
      await pw.tenants.suspend("a");
      const ids: string[] = [];
      let after: string | undefined;
      do {
        const page = await pw.tenants.list({ limit: 2, ...(after === undefined ? {} : { after }) });
        ids.push(...page.tenants.map(({ id }) => id));
        after = page.next;
      } while (after !== undefined);
      expect(ids).toEqual(["B", "a", "b", "é", "\uFFFD", "😀"]);
      expect((await pw.tenants.list({ status: "suspended" })).tenants.map(({ id }) => id)).toEqual([
        "a",
      ]);
    });

    it("serves a whole instance", async () => {
      const pw = instance(stores.open());
      await pw.ready();
      const { id } = await pw.tenants.create({
        slug: "acme",
        name: "Acme",
        fields: { plan: "pro" },
      });
      expect(await pw.run({ slug: "acme" }, () => pw.current().fields)).toEqual({ plan: "pro" });
      await pw.tenants.suspend(id);
      expect(await codeOf(() => pw.run(id, () => undefined))).toBe("PW_TENANT_SUSPENDED");
      await pw.tenants.restore(id);
      expect(await pw.each(() => undefined)).toEqual({ succeeded: 1, skipped: 0 });
      await pw.tenants.delete(id);
      expect(await codeOf(() => pw.run(id, () => undefined))).toBe("PW_TENANT_UNKNOWN");
    });

    it("lists with and without an id to begin after, to the limit, and by status", async () => {
      const store = stores.open();
      const all = ["active", "suspended", "deleted", "provisioning"] as const;
      for (const [at, status] of all.entries())
        await store.insert(record({ id: `t${at}`, slug: `t${at}`, status }));
      const ids = async (page: Parameters<TenantStore["list"]>[0]) =>
        (await store.list(page)).map(({ id }) => id);
      expect(await ids({ limit: 10, status: all })).toEqual(["t0", "t1", "t2", "t3"]);
      expect(await ids({ limit: 2, status: all, after: "t0" })).toEqual(["t1", "t2"]);
      expect(await ids({ limit: 10, status: ["deleted", "suspended"] })).toEqual(["t1", "t2"]);
      expect(await ids({ limit: 10, status: [] })).toEqual([]);
      expect(await ids({ limit: 10, status: all, after: "t3" })).toEqual([]);
    });

    stores.testNeeding(
      "concurrentIndexes",
      "is made once, however many processes start together",
      () => startTogether(stores.openMany(6)),
    );

    it("gives a slug to one of those who ask at once", async () => {
      const nodes = stores.openMany(6);
      for (const store of nodes) await store.init?.();
      const outcomes = await Promise.all(
        nodes.map((store, at) => store.insert(record({ id: `t${at}`, slug: "one" }))),
      );
      expect(outcomes.toSorted()).toEqual([
        "inserted",
        ...Array.from({ length: 5 }, () => "slug-taken"),
      ]);
      const winner = { slug: "one", id: `t${outcomes.indexOf("inserted")}` };
      for (const store of nodes) expect(await store.find({ slug: "one" })).toMatchObject(winner);
    });

    stores.testNeeding("atomicUpdate", "changes a record of one version once, whoever tries", () =>
      changeAtOnce(stores.openMany(4)),
    );
  },
  DRIVERS,
);
