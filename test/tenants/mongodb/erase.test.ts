import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Db } from "mongodb";
import {
  copyTenant,
  eraseTenant,
  importTenant,
  scanTenant,
  type TenantDataProgress,
} from "partywall/tenants/mongodb";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "../../guards/mongodb/drivers.js";
import { archived, inside, mark, openGrounds, refusal, source, type Any } from "./grounds.js";

const record = { id: "acme", slug: "acme-inc", status: "deleted" } as const;
const consent = { record, confirm: "acme-inc" };

describeMongo("the erasure of one tenant", (mongo) => {
  describe.each(DRIVERS.slice(0, 2))("by %s", (_, driver) => {
    let grounds: ReturnType<typeof openGrounds>;
    beforeAll(() => void (grounds = openGrounds(mongo, driver)));
    afterAll(() => grounds.client.close());

    const fill = async (more: Any[] = []): Promise<Db> => {
      const shared = mongo.database();
      const many = (tenantId: unknown, count: number, from: number): Any[] =>
        Array.from({ length: count }, (__, n) => ({ _id: from + n, tenantId, n }));
      await shared
        .collection<Any>("orders")
        .insertMany([...many("acme", 250, 0), ...many("bolt", 30, 1000), ...more]);
      await shared.collection<Any>("notes").insertMany([
        {
          _id: new Map([
            ["2024", 1],
            ["2023", 2],
          ]),
          tenantId: "acme",
        },
        { _id: "b", tenantId: "bolt", about: "acme", by: { id: "acme" } },
        { _id: "c", tenantId: "ACME" },
        { _id: "d", tenantId: { acme: 1 } },
        { _id: "e" },
      ]);
      await shared.collection<Any>("plans").insertOne({ _id: 1, owners: ["zeta", "acme"] });
      return shared;
    };

    test("takes its documents and leaves every other as it was", async () => {
      const shared = await fill();
      const theirs = async () =>
        (await Promise.all(["orders", "notes", "plans"].map((name) => inside(shared, name))))
          .flat()
          .filter(({ tenantId }) => tenantId !== "acme");
      const before = await theirs();
      const told: TenantDataProgress[] = [];
      const report = await eraseTenant(grounds.row(shared, "acme", { shared: ["plans"] }), {
        ...consent,
        batchRows: 100,
        onProgress: (one) => void told.push(one),
      });
      expect(report).toMatchObject({
        tenantId: "acme",
        removed: [
          { table: "notes", rows: 1 },
          { table: "orders", rows: 250 },
        ],
        others: [
          { table: "notes", before: 4, after: 4 },
          { table: "orders", before: 30, after: 30 },
        ],
        scan: { clean: true },
        clean: true,
      });
      expect(await theirs()).toEqual(before);
      expect(await shared.collection("orders").countDocuments()).toBe(30);
      expect(await inside(shared, "partywall.tenant-data")).toEqual([]);
      const rows = told.filter(({ phase, table }) => phase === "erase" && table === "orders");
      expect(rows.map((one) => one.rows)).toEqual([100, 200, 250]);
      const again = await eraseTenant(grounds.row(shared, "acme"), consent);
      expect(again).toMatchObject({
        removed: [{ rows: 0 }, { rows: 0 }, { rows: 0 }],
        clean: true,
      });
    });

    test("is refused without consent, and changes nothing in a dry run", async () => {
      const shared = await fill();
      const at = grounds.row(shared, "acme");
      const refusals = [
        { record },
        { record, confirm: "bolt" },
        { record: { ...record, status: "active" }, confirm: "acme" },
        { record: { ...record, id: "bolt" }, confirm: "acme" },
        { ...consent, batchRows: 0 },
      ] as const;
      for (const options of refusals) {
        expect(await refusal(eraseTenant(at, options))).toMatch(/^PW_TENANT_DATA_REFUSED: /);
      }
      const dry = await eraseTenant(at, { record, dryRun: true });
      expect(dry).toMatchObject({ dryRun: true, clean: false, removed: [{}, { rows: 250 }, {}] });
      expect(await shared.collection("orders").countDocuments()).toBe(280);
    });

    test("does not begin where a document is of two tenants", async () => {
      const shared = await fill([{ _id: 9000, tenantId: ["acme", "bolt"] }]);
      const told = await refusal(
        eraseTenant(grounds.row(shared, "acme"), { ...consent, batchRows: 10 }),
      );
      expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: .*not belong to this tenant alone/);
      expect(await shared.collection("orders").countDocuments()).toBe(281);
    });

    test("drops a database that is marked as this tenant's, and no other", async () => {
      const home = mongo.database();
      await home.collection<Any>("orders").insertMany([{ _id: 1 }, { _id: 2 }]);
      const at = grounds.own(home, "acme");
      expect(await refusal(eraseTenant(at, consent))).toMatch(/Nothing marks the database/);
      await mark(home, "bolt");
      expect(await refusal(eraseTenant(at, consent))).toMatch(/Nothing marks the database/);
      expect(await inside(home, "orders")).toHaveLength(2);
      await home.collection("partywall.home").deleteMany({});
      await mark(home, "acme");
      const elsewhere = { ...at, realm: "another" };
      expect(await refusal(eraseTenant(elsewhere, consent))).toMatch(/Nothing marks the database/);
      expect(await scanTenant(at)).toMatchObject({ clean: false, standing: [home.databaseName] });
      expect(await eraseTenant(at, consent)).toMatchObject({
        removed: [{ table: "orders", rows: 2 }],
        dropped: [home.databaseName],
        clean: true,
      });
      expect(await home.listCollections().toArray()).toEqual([]);
      expect(await eraseTenant(at, consent)).toMatchObject({ dropped: [], clean: true });
    });

    test("finds what mentions the tenant elsewhere", async () => {
      const shared = await fill();
      const at = grounds.row(shared, "acme", { shared: ["plans"] });
      await eraseTenant(at, consent);
      expect(await scanTenant(at)).toMatchObject({ clean: true, found: [] });
      const named = await scanTenant(at, { fields: ["about", "by.id", "owners"] });
      expect(named).toMatchObject({
        clean: false,
        found: [
          { table: "notes", field: "about", rows: 1 },
          { table: "notes", field: "by.id", rows: 1 },
          { table: "plans", field: "owners", rows: 1 },
        ],
      });
      expect(await scanTenant(at, { fields: "all" })).toMatchObject({
        clean: false,
        found: [
          { table: "notes", field: "*", rows: 1 },
          { table: "plans", field: "*", rows: 1 },
        ],
      });
      for (const fields of ["about", ["$where"], [""], [1]]) {
        const told = await refusal(scanTenant(at, { fields: fields as never }));
        expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: /);
      }
    });

    test("and an import stop at a signal, and go on to the same end", async () => {
      const [shared, home] = [await fill(), mongo.database()];
      const at = grounds.row(shared, "acme", { collections: ["orders"] });
      const stop = new AbortController();
      const reason = new Error("enough");
      const erasing = eraseTenant(at, {
        ...consent,
        batchRows: 50,
        signal: stop.signal,
        onProgress: ({ rows }) => rows >= 100 && stop.abort(reason),
      });
      await expect(erasing).rejects.toBe(reason);
      expect(await shared.collection("orders").countDocuments({ tenantId: "acme" })).toBe(150);
      expect(await inside(shared, "partywall.tenant-data")).toEqual([]);
      const copying = copyTenant(at, grounds.own(home, "acme"), {
        signal: AbortSignal.abort(reason),
      });
      await expect(copying).rejects.toBe(reason);
      expect(await inside(home, "orders")).toEqual([]);
      expect(await inside(home, "partywall.tenant-data")).toEqual([]);
      // What was not to be erased is found all the same.
      expect(await eraseTenant(at, consent)).toMatchObject({
        removed: [{ rows: 150 }],
        clean: false,
        scan: { found: [{ table: "notes", field: "tenantId", rows: 1 }] },
      });
    });
  });
});

describeMongo("an import that cannot go on", (mongo) => {
  let grounds: ReturnType<typeof openGrounds>;
  beforeAll(() => void (grounds = openGrounds(mongo, DRIVERS[0]![1])));
  afterAll(() => grounds.client.close());

  const archive = async (documents: Any[]): Promise<string> => {
    const home = mongo.database();
    await home.collection<Any>("orders").insertMany(documents);
    return archived(grounds.own(home, "acme"));
  };

  test("for an _id of another tenant's leaves that document, and nothing of its own", async () => {
    const text = await archive(Array.from({ length: 2500 }, (_, n) => ({ _id: n, n })));
    const others = mongo.database();
    await others.collection<Any>("orders").insertOne({ _id: 2400, tenantId: "bolt", mine: true });
    const told = await refusal(importTenant(grounds.row(others, "acme"), source(text)));
    expect(told).toMatch(/^PW_TENANT_DATA_FAILED: .*unique index.* of orders/);
    if (mongo.engine !== "ferretdb") expect(told).toContain("The unique index _id_ of orders");
    expect(told).not.toContain("2400");
    expect(await inside(others, "orders")).toEqual([{ _id: 2400, tenantId: "bolt", mine: true }]);
    expect(await inside(others, "partywall.tenant-data")).toEqual([]);
  });

  test("for a unique index names it", async () => {
    const text = await archive([
      { _id: 1, n: 1 },
      { _id: 2, n: 1 },
    ]);
    const others = mongo.database();
    const orders = others.collection<Any>("orders");
    await orders.createIndex({ tenantId: 1, n: 1 }, { unique: true, name: "their numbers" });
    const told = await refusal(importTenant(grounds.row(others, "acme"), source(text)));
    expect(told).toMatch(/^PW_TENANT_DATA_FAILED: /);
    if (mongo.engine !== "ferretdb") expect(told).toContain("index their numbers of orders");
    expect(await inside(others, "orders")).toEqual([]);
  });

  test("since the tenant has documents does not touch them", async () => {
    const text = await archive([{ _id: 1, n: 1 }]);
    const others = mongo.database();
    await others.collection<Any>("orders").insertOne({ _id: 5, tenantId: "acme" });
    const told = await refusal(importTenant(grounds.row(others, "acme"), source(text)));
    expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: There are documents in orders already/);
    expect(await inside(others, "orders")).toEqual([{ _id: 5, tenantId: "acme" }]);
    expect(await inside(others, "partywall.tenant-data")).toEqual([]);
  });

  test("does not take back what somebody else has written meanwhile", async () => {
    const text = await archive(Array.from({ length: 3000 }, (_, n) => ({ _id: n, n })));
    const others = mongo.database();
    const to = grounds.row(others, "acme");
    const cut = async function* (): AsyncGenerator<string> {
      yield text.slice(0, -400);
      await others
        .collection<Any>("orders")
        .insertMany(
          Array.from({ length: 1200 }, (_, n) => ({ _id: `own ${n}`, tenantId: "acme" })),
        );
    };
    expect(await refusal(importTenant(to, cut()))).toMatch(/^PW_ARCHIVE_INVALID/);
    const own = { _id: { $gte: "own" } } as object;
    expect(await others.collection("orders").countDocuments(own)).toBe(1200);
    const told = await refusal(importTenant(to, source(text)));
    expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: .*did not end.*nothing was removed/);
    expect(await others.collection("orders").countDocuments(own)).toBe(1200);
    expect(await scanTenant(to)).toMatchObject({ standing: ["partywall.tenant-data"] });
    await eraseTenant(to, consent);
    expect(await importTenant(to, source(text))).toMatchObject({ tables: [{ rows: 3000 }] });
  });

  test("while another one of the same tenant is at work waits for none", async () => {
    const text = await archive([{ _id: 1, n: 1 }]);
    const others = mongo.database();
    const to = grounds.row(others, "acme");
    let told = "";
    const held = async function* (): AsyncGenerator<string> {
      const at = text.indexOf("\n") + 1;
      yield text.slice(0, at);
      told = await refusal(importTenant(to, source(text)));
      yield text.slice(at);
    };
    expect(await importTenant(to, held())).toMatchObject({ tables: [{ rows: 1 }] });
    expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: Another import or erasure/);
    expect(await inside(others, "orders")).toHaveLength(1);
  }, 60_000);
});
