import { BSON } from "mongodb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startMongoListener, type MongoListener } from "../../../support/mongo-listener.js";
import { DRIVERS } from "../drivers.js";
import { openSite, type Site } from "../site.js";

const REFUSED = {
  code: "PW_STATEMENT_REFUSED",
  message: expect.stringContaining("view") as string,
};

describe.each(DRIVERS)("a view, to %s on the wire", (_name, driver) => {
  let listener: MongoListener;
  let site: Site;
  const open = async (views?: readonly string[]) => {
    site = await openSite(driver, `${listener.url}shop?replicaSet=partywall`, {
      ...(views && { views }),
    });
  };
  const tell = (names: readonly string[], id = 0, batch = "firstBatch") => {
    const told = names.map((name) => ({ name, type: "view" }));
    const cursor = { id: BSON.Long.fromNumber(id), ns: "shop.$cmd.listCollections", [batch]: told };
    return { ok: 1, cursor };
  };
  const collection = (name: string) => site.guard.client.db().collection(name);
  const asked = () => listener.commands().filter((one) => "listCollections" in one);
  const sent = () => listener.commands().filter((one) => "find" in one || "aggregate" in one);

  beforeEach(async () => {
    listener = await startMongoListener();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await site.pw.close();
    await listener.close();
  });

  test("is refused in a tenant's and in central scope, read and joined", async () => {
    await open();
    listener.answerNext("listCollections", tell(["totals"]));
    const { inA, pw } = site;
    for (const call of [
      () => collection("totals").find().toArray(),
      () => collection("totals").countDocuments(),
      () =>
        collection("orders")
          .aggregate([{ $lookup: { from: "totals", pipeline: [], as: "t" } }])
          .toArray(),
    ])
      await expect(inA<Promise<unknown>>(call)).rejects.toMatchObject(REFUSED);
    await expect(pw.central(() => collection("totals").findOne())).rejects.toMatchObject(REFUSED);
    expect(sent()).toEqual([]);
    await inA(() => collection("orders").findOne());
    expect(sent()).toHaveLength(1);
    expect(asked()).toMatchObject([{ $db: "shop", filter: { type: "view" }, nameOnly: true }]);
  });

  test("is read in a system scope and by a tenant with a database of its own", async () => {
    await open();
    listener.answerNext("listCollections", tell(["totals"]));
    await site.inA(() => collection("orders").findOne());
    listener.clear();
    await site.inSystem(() => collection("totals").findOne());
    const placement = { strategy: "database", name: "own" } as const;
    const { id } = await site.pw.tenants.create({ slug: "own", name: "Own", placement });
    await site.pw.run(id, () => collection("totals").findOne());
    expect(sent()).toMatchObject([{ $db: "shop" }, { $db: "own" }]);
    expect(asked()).toEqual([]);
  });

  test("that is vouched for is read with the tenant", async () => {
    await open(["totals"]);
    listener.answerNext("listCollections", tell(["totals", "others"]));
    await site.inA(() => collection("totals").findOne());
    expect(JSON.stringify(sent())).toContain(site.a);
    await expect(site.inA(() => collection("others").findOne())).rejects.toMatchObject(REFUSED);
  });

  test("is known from every page of the list", async () => {
    await open();
    listener.answerNext("listCollections", tell(["totals"], 5));
    listener.answerNext("getMore", tell(["more"], 0, "nextBatch"));
    await expect(site.inA(() => collection("more").findOne())).rejects.toMatchObject(REFUSED);
    await expect(site.inA(() => collection("totals").findOne())).rejects.toMatchObject(REFUSED);
  });

  test("that is made meanwhile is known a minute later, and at once where this process makes it", async () => {
    await open();
    await site.inA(() => collection("totals").findOne());
    await Promise.all([1, 2, 3].map(() => site.inA(() => collection("orders").findOne())));
    expect(asked()).toHaveLength(1);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_001 });
    listener.answerNext("listCollections", tell(["totals"]));
    await expect(site.inA(() => collection("totals").findOne())).rejects.toMatchObject(REFUSED);
    listener.answerNext("listCollections", tell(["totals", "sums"]));
    await site.inSystem(() =>
      site.guard.client.db().createCollection("sums", { viewOn: "orders", pipeline: [] }),
    );
    await expect(site.inA(() => collection("sums").findOne())).rejects.toMatchObject(REFUSED);
  });

  test("where views cannot be asked for nothing is read, until they can", async () => {
    await open();
    const failed = { ok: 0, code: 13, codeName: "Unauthorized", errmsg: "not authorized" };
    listener.answerNext("listCollections", failed);
    await expect(site.inA(() => collection("orders").findOne())).rejects.toMatchObject({
      code: 13,
    });
    expect(sent()).toEqual([]);
    await site.inA(() => collection("orders").findOne());
    expect(sent()).toHaveLength(1);
  });
});
