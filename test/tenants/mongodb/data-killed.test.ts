import { afterAll, beforeAll, expect, test } from "vitest";
import { compareTenant, scanTenant } from "partywall/tenants/mongodb";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "../../guards/mongodb/drivers.js";
import { inProcess, type DataJob } from "./data-in-process.js";
import { inside, openGrounds, type Any } from "./grounds.js";

const DOCUMENTS = 6000;

describeMongo("a process that is killed at its work on a tenant's documents", (mongo) => {
  let grounds: ReturnType<typeof openGrounds>;
  beforeAll(() => void (grounds = openGrounds(mongo, DRIVERS[0]![1])));
  afterAll(() => grounds.client.close());

  const fill = async () => {
    const shared = mongo.database();
    const orders = shared.collection<Any>("orders");
    for (const [tenantId, count] of [
      ["acme", DOCUMENTS],
      ["bolt", 300],
    ] as const) {
      await orders.insertMany(
        Array.from({ length: count }, (_, n) => ({ _id: `${tenantId} ${n}`, tenantId, n })),
      );
    }
    return shared;
  };
  const placeOf = ({ client: _, bson: __, ...place }: ReturnType<typeof grounds.row>) => place;

  test("leaves an import unfinished that the next one takes back and does whole", async () => {
    const [shared, others] = [await fill(), mongo.database()];
    await others.collection<Any>("orders").insertOne({ _id: "bolt 1", tenantId: "bolt" });
    const from = grounds.row(shared, "acme");
    const to = grounds.row(others, "copy");
    const job: DataJob = { do: "copy", from: placeOf(from), to: placeOf(to) };
    for (const at of [1000, 4000]) {
      const killed = await inProcess(
        mongo.url,
        job,
        ({ phase, rows }) => phase === "import" && rows >= at,
      );
      expect(killed).toBeUndefined();
      const left = await others.collection("orders").countDocuments({ tenantId: "copy" });
      expect(left).toBeGreaterThanOrEqual(at);
      const notes = await inside(others, "partywall.tenant-data");
      expect(notes).toMatchObject([{ _id: "row copy", import: { collections: ["orders"] } }]);
      expect((await scanTenant(to)).clean).toBe(false);
    }
    expect(await inProcess(mongo.url, job)).toMatchObject({ done: true });
    expect(await compareTenant(from, to)).toMatchObject({
      same: true,
      tables: [{ to: { rows: DOCUMENTS } }],
    });
    expect(await others.collection("orders").countDocuments()).toBe(DOCUMENTS + 1);
    expect(await inside(others, "partywall.tenant-data")).toEqual([]);
    expect(await shared.collection("orders").countDocuments()).toBe(DOCUMENTS + 300);
  }, 120_000);

  test("leaves an erasure half done that goes on to the same end", async () => {
    const shared = await fill();
    const at = grounds.row(shared, "acme");
    const record = { id: "acme", slug: "acme-inc", status: "deleted" } as const;
    const job: DataJob = {
      do: "erase",
      premises: placeOf(at),
      record,
      confirm: "acme-inc",
      batchRows: 200,
    };
    let before = DOCUMENTS;
    for (const rows of [400, 2000]) {
      const killed = await inProcess(
        mongo.url,
        job,
        (told) => told.phase === "erase" && told.rows >= rows,
      );
      expect(killed).toBeUndefined();
      const left = await shared.collection("orders").countDocuments({ tenantId: "acme" });
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThan(before);
      before = left;
    }
    expect(await inProcess(mongo.url, job)).toMatchObject({ done: true });
    const orders = await inside(shared, "orders");
    expect(orders).toHaveLength(300);
    expect(orders.every(({ tenantId }) => tenantId === "bolt")).toBe(true);
    expect(await scanTenant(at)).toMatchObject({ clean: true });
  }, 120_000);
});
