import type { Placement } from "partywall";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { describeMongo, startMongo, type MongoServer } from "../../../support/mongo.js";
import { collectionsIn, indexesOf } from "../homes.js";
import { buildTown, MOST_CONNECTIONS, type Town } from "./town.js";

const ROW: Placement = { strategy: "row" };
const FAR_ROW: Placement = { strategy: "row", server: "far" };
const AT_ONCE = { settleMs: 0 };

describeMongo("a tenant is moved", (mongo) => {
  let far: MongoServer;
  let town: Town;
  beforeAll(async () => {
    far = await startMongo(mongo.engine);
  });
  afterAll(() => far?.stop());
  beforeEach(async () => {
    town = await buildTown(mongo, far.client, far.url);
  });
  afterEach(() => town?.close());

  /** How many orders of a tenant are at a place, with or without its field. */
  const ordersAt = (place: Placement, id: string) =>
    town
      .at(place)
      .collection("orders")
      .countDocuments(
        place.strategy === "row" ? { tenantId: id } : { tenantId: { $exists: false } },
      );

  /** The collections of a place but Partywall's own. */
  const namesIn = async (place: Placement) =>
    (await collectionsIn(town.at(place))).filter((name) => !name.startsWith("partywall."));

  test("between rows and databases of two servers, and its neighbours see nothing of it", async () => {
    const { pw, orders, homeDb } = town;
    const anna = await town.tenant();
    const neighbours = [
      await town.tenant(),
      await town.tenant(town.database()),
      await town.tenant(town.database()),
      await town.tenant(town.database("far")),
      await town.tenant(FAR_ROW),
    ];
    const before = await town.see(anna.id);
    const others = await Promise.all(neighbours.map(({ id }) => town.see(id)));
    const mover = town.mover();
    const path = [
      town.database(),
      town.database(),
      FAR_ROW,
      town.database("far"),
      town.database("far"),
      ROW,
      FAR_ROW,
      ROW,
    ];
    let from = ROW;
    for (const to of path) {
      const report = await mover.move(anna.id, to, AT_ONCE);
      expect(report).toMatchObject({ tenantId: anna.id, from, to });
      expect(report.tables.map(({ table, rows }) => [table, rows])).toEqual([
        ["customers", 1],
        ["orders", 3],
      ]);
      expect(await town.see(anna.id)).toEqual(before);
      expect(await ordersAt(to, anna.id)).toBe(3);
      // The old copy is as it was, whatever is written from now on.
      await pw.run(anna.id, async () => {
        await orders.insertOne({ number: 4 });
        await expect(orders.insertOne({ number: 4 })).rejects.toMatchObject({ code: 11_000 });
        await orders.deleteOne({ number: 4 });
      });
      expect(await ordersAt(from, anna.id)).toBe(3);
      expect(await mover.status(anna.id)).toMatchObject({ step: "kept", from, to });
      await mover.confirm(anna.id);
      expect(await mover.status(anna.id)).toBeUndefined();
      if (from.strategy === "row") expect(await ordersAt(from, anna.id)).toBe(0);
      else expect(await collectionsIn(town.at(from))).toEqual([]);
      expect(await town.see(anna.id)).toEqual(before);
      expect(await Promise.all(neighbours.map(({ id }) => town.see(id)))).toEqual(others);
      from = to;
    }
    expect(await homeDb.collection("orders").countDocuments()).toBe(6);
  });

  test("with what is shared left where it is", async () => {
    await town.homeDb.collection("plans").insertOne({ plan: "free" });
    const { id } = await town.tenant();
    const to = town.database();
    const mover = town.mover();
    await mover.move(id, to, AT_ONCE);
    expect(await namesIn(to)).toEqual(["customers", "orders"]);
    expect(await indexesOf(town.at(to), "orders")).toEqual(["_id", "number!"]);
    await mover.confirm(id);
    await town.at(to).collection("plans").insertOne({ plan: "own" });
    await mover.move(id, ROW, AT_ONCE);
    await mover.confirm(id);
    expect(await town.homeDb.collection("plans").distinct("plan")).toEqual(["free"]);
  });

  test("and neither the application nor the mover has more connections for more tenants", async () => {
    const placements = Array.from({ length: 8 }, () => town.database());
    const tenants = [];
    for (const placement of placements) tenants.push(await town.tenant(placement));
    tenants.push(await town.tenant(), await town.tenant());
    await Promise.all(tenants.flatMap(({ id }) => [1, 2, 3, 4].map(() => town.see(id))));
    // The driver's own one or two beside the pool watch the server.
    expect(town.app.most()).toBeLessThanOrEqual(MOST_CONNECTIONS + 2);
    await town.mover().move(tenants.at(-1)!.id, town.database(), AT_ONCE);
    expect(town.app.most()).toBeLessThanOrEqual(MOST_CONNECTIONS + 2);
  });

  test("not where it cannot live, and nothing is noted then", async () => {
    const { id } = await town.tenant();
    const mover = town.mover();
    const places: Placement[] = [
      { strategy: "schema", name: "s" },
      { strategy: "database", name: "a.b" },
      { strategy: "database", name: "partywall" },
      { strategy: "database", name: town.homeDb.databaseName },
      { strategy: "database" },
      { strategy: "database", name: "own_x", secret: "s" },
      { strategy: "row", server: "elsewhere" },
    ];
    for (const to of places) {
      await expect(mover.move(id, to, AT_ONCE)).rejects.toMatchObject({ code: "PW_PLACEMENT" });
      expect(await mover.status(id)).toBeUndefined();
    }
    await expect(mover.move(id, ROW, AT_ONCE)).rejects.toMatchObject({
      code: "PW_TENANT_DATA_REFUSED",
    });
    await expect(mover.move(id, { strategy: "row", server: "default" }, AT_ONCE)).rejects.toThrow(
      /lives there already/,
    );
    await expect(mover.move(id, town.database(), { settleMs: -1 })).rejects.toMatchObject({
      code: "PW_CONFIG",
    });
    expect((await town.see(id)).orders).toHaveLength(3);
  });

  test("not into a database or onto documents that are there, which are left untouched", async () => {
    const { id, slug } = await town.tenant();
    const mover = town.mover();
    const foreign = town.database();
    await town.at(foreign).collection("theirs").insertOne({ n: 1 });
    const others = town.database();
    await town.tenant(others);
    const own = town.database();
    await town.homes.provision({ id, slug, placement: own });
    await town.farDb.collection("orders").insertOne({ tenantId: id, number: 9 });
    for (const to of [foreign, others, own, FAR_ROW]) {
      await expect(mover.move(id, to, AT_ONCE)).rejects.toMatchObject({
        code: "PW_TENANT_DATA_REFUSED",
      });
      expect((await town.pw.tenants.get(id)).status).toBe("active");
      await mover.giveUp(id);
      expect((await town.see(id)).orders).toHaveLength(3);
    }
    expect(await collectionsIn(town.at(foreign))).toEqual(["theirs"]);
    expect(await ordersAt(others, id)).toBe(3);
    expect(await namesIn(own)).toEqual(["customers", "orders"]);
    expect(await ordersAt(FAR_ROW, id)).toBe(1);
  });

  test("not onto itself, when its server has two names", async () => {
    const aliased = await buildTown(mongo, mongo.client, mongo.url);
    try {
      const place = aliased.database();
      const { id } = await aliased.tenant(place);
      const mover = aliased.mover();
      const to = { ...place, server: "far" };
      await expect(mover.move(id, to, AT_ONCE)).rejects.toMatchObject({
        code: "PW_TENANT_DATA_REFUSED",
      });
      await mover.giveUp(id);
      expect((await aliased.see(id)).orders).toHaveLength(3);
    } finally {
      await aliased.close();
    }
  });

  test("not while it is suspended, nor let in again when somebody else did that", async () => {
    const { id } = await town.tenant();
    const to = town.database();
    await town.pw.tenants.suspend(id);
    await expect(town.mover().move(id, to, AT_ONCE)).rejects.toThrow(/is suspended/);
    await town.pw.tenants.restore(id);
    const failing = town.mover({
      homes: { ...town.homes, provision: () => Promise.reject(new Error("no")) },
    });
    await expect(failing.move(id, to, AT_ONCE)).rejects.toThrow("no");
    expect((await town.pw.tenants.get(id)).status).toBe("active");
    await town.pw.tenants.suspend(id);
    await expect(town.mover().move(id, to, AT_ONCE)).rejects.toThrow(/and not by its move/);
    await town.mover().giveUp(id);
    expect((await town.pw.tenants.get(id)).status).toBe("suspended");
  });

  test("by one mover at a time, and by no other to another place", async () => {
    const { id } = await town.tenant();
    const to = town.database();
    let inside: (() => void) | undefined;
    const waiting = new Promise<void>((resolve) => (inside = resolve));
    let goOn: (() => void) | undefined;
    const slow = town.mover({
      homes: {
        ...town.homes,
        provision: async (tenant) => {
          inside?.();
          await new Promise<void>((resolve) => (goOn = resolve));
          await town.homes.provision(tenant);
        },
      },
    });
    const moving = slow.move(id, to, AT_ONCE);
    await waiting;
    await expect(town.mover().move(id, to, AT_ONCE)).rejects.toThrow(/Another process/);
    await expect(town.mover().giveUp(id)).rejects.toThrow(/Another process/);
    goOn!();
    await moving;
    await expect(town.mover().move(id, town.database(), AT_ONCE)).rejects.toThrow(/still kept/);
    await expect(town.mover().giveUp(id)).rejects.toThrow(/lives at its new place/);
    expect(await town.mover().move(id, to, AT_ONCE)).toMatchObject({ tables: [], pauseMs: 0 });
    expect((await town.see(id)).orders).toHaveLength(3);
  }, 60_000);

  test.each(["the old place", "the new one"])(
    "not where somebody writes to %s meanwhile: it lives where it did",
    async (where) => {
      const { id } = await town.tenant();
      const to = town.database();
      const place = where === "the new one" ? to : ROW;
      let strayed = false;
      const move = town.mover().move(id, to, {
        ...AT_ONCE,
        onProgress: ({ phase, table }) => {
          // All has been read by then, and neither side was looked at again.
          if (phase !== "import" || table !== "orders" || strayed) return;
          strayed = true;
          void town
            .at(place)
            .collection("orders")
            .insertOne({ number: 99, ...(place === ROW && { tenantId: id }) });
        },
      });
      await expect(move).rejects.toMatchObject({ code: "PW_TENANT_DATA_REFUSED" });
      expect(await town.pw.tenants.get(id)).toMatchObject({ status: "active", placement: ROW });
      expect((await town.see(id)).orders).toHaveLength(place === ROW ? 4 : 3);
      await town.mover().giveUp(id);
      expect(await collectionsIn(town.at(to))).toEqual([]);
      expect((await town.see(id)).orders).toHaveLength(place === ROW ? 4 : 3);
    },
  );

  test("and its old copy stays where a process that had not heard wrote to it", async () => {
    for (const from of [ROW, town.database()]) {
      const { id } = await town.tenant(from);
      const mover = town.mover();
      await mover.move(id, town.database(), AT_ONCE);
      const late = from.strategy === "row" ? { number: 7, tenantId: id } : { number: 7 };
      await town.at(from).collection("orders").insertOne(late);
      await expect(mover.confirm(id)).rejects.toThrow(/not as it was when the tenant left/);
      expect(await ordersAt(from, id)).toBe(4);
      await mover.confirm(id, { discardLateWrites: true });
      if (from.strategy === "row") expect(await ordersAt(from, id)).toBe(0);
      else expect(await collectionsIn(town.at(from))).toEqual([]);
      expect((await town.see(id)).orders).toHaveLength(3);
    }
  });

  test("stopped by a signal it lives where it did, and the same call goes on", async () => {
    const { id } = await town.tenant();
    const to = town.database();
    const stop = new AbortController();
    const move = town.mover().move(id, to, { settleMs: 60_000, signal: stop.signal });
    const stopped = move.catch((error: Error) => error.message);
    await expect.poll(async () => (await town.pw.tenants.get(id)).status).toBe("suspended");
    await expect(town.see(id)).rejects.toMatchObject({ code: "PW_TENANT_SUSPENDED" });
    stop.abort(new Error("enough"));
    expect(await stopped).toBe("enough");
    expect((await town.see(id)).orders).toHaveLength(3);
    await town.mover().move(id, to, AT_ONCE);
    expect((await town.see(id)).orders).toHaveLength(3);
  });

  test("and scopes that were open are told so", async () => {
    const { id } = await town.tenant();
    const { pw, orders } = town;
    let inside: (() => void) | undefined;
    const opened = new Promise<void>((resolve) => (inside = resolve));
    let goOn: (() => void) | undefined;
    const old = pw.run(id, async () => {
      inside!();
      await new Promise<void>((resolve) => (goOn = resolve));
      await orders.insertOne({ number: 5 });
    });
    const refused = old.catch((error: { code: string }) => error.code);
    await opened;
    await town.mover().move(id, town.database(), AT_ONCE);
    goOn!();
    expect(await refused).toBe("PW_PLACEMENT_STALE");
    expect(await ordersAt(ROW, id)).toBe(3);
    expect((await town.see(id)).orders).toHaveLength(3);
  });
});
