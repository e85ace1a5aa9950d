import { BSON, type Document } from "mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startMongoListener, type MongoListener } from "../../../support/mongo-listener.js";
import { DRIVERS } from "../drivers.js";
import { openSite, type Order, type Site } from "../site.js";

const LOST = {
  ok: 0,
  code: 43,
  codeName: "CursorNotFound",
  errmsg: "cursor not found",
  errorLabels: ["ResumableChangeStreamError"],
};

describe.each(DRIVERS)("a change stream of %s, on the wire", (_name, driver) => {
  let listener: MongoListener;
  let site: Site;
  const told = (batch: "firstBatch" | "nextBatch", events: Document[]) => ({
    ok: 1,
    cursor: { id: BSON.Long.fromNumber(7), ns: "shop.orders", [batch]: events },
  });
  const event = (n: number) => ({
    _id: { _data: `token ${n}` },
    operationType: "insert",
    fullDocument: { n },
    documentKey: { _id: n },
    ns: { db: "shop", coll: "orders" },
  });
  const pipelines = () =>
    listener
      .commands()
      .filter((one) => "aggregate" in one)
      .map((one) => one["pipeline"] as Document[]);
  /** That the stage behind the stream's own lets the tenant's events through, and no other's. */
  const expectMatched = ([, match]: Document[], tenant: string) => {
    expect(match).toHaveProperty("$match");
    expect(JSON.stringify(match)).toContain(tenant);
  };

  beforeEach(async () => {
    listener = await startMongoListener();
    site = await openSite(driver, `${listener.url}shop?replicaSet=partywall`);
    await site.inA(() => site.orders.findOne());
    listener.clear();
  });
  afterEach(async () => {
    await site.pw.close();
    await listener.close();
  });

  test("that is resumed by another tenant's token tells of its own tenant's documents", async () => {
    const { orders, inA, inB, a, b } = site;
    listener.answerNext("aggregate", told("firstBatch", [event(1)]));
    const theirs = orders.watch();
    await inB(() => theirs.next());
    const token = theirs.resumeToken;
    expect(token).toEqual({ _data: "token 1" });
    await inB(() => theirs.close());
    for (const option of ["resumeAfter", "startAfter"] as const) {
      listener.clear();
      listener.answerNext("aggregate", told("firstBatch", [event(2)]));
      await inA(async () => {
        const stream = orders.watch([], { [option]: token });
        await stream.next();
        await stream.close();
      });
      const [pipeline] = pipelines();
      expect(pipeline![0]).toMatchObject({ $changeStream: { [option]: token } });
      expectMatched(pipeline!, a);
      expect(JSON.stringify(pipeline)).not.toContain(b);
    }
  });

  test("that the driver resumes is its tenant's again", async () => {
    const { orders, inA, a } = site;
    listener.answerNext("aggregate", told("firstBatch", [event(1)]));
    listener.answerNext("getMore", LOST);
    listener.answerNext("aggregate", told("firstBatch", [event(2)]));
    const read = await inA(async () => {
      const stream = orders.watch<Order>();
      const events = [await stream.next(), await stream.next()];
      await stream.close();
      return events;
    });
    expect(read).toMatchObject([{ fullDocument: { n: 1 } }, { fullDocument: { n: 2 } }]);
    const [first, again] = pipelines();
    expect(again![0]).toMatchObject({ $changeStream: { resumeAfter: { _data: "token 1" } } });
    for (const pipeline of [first, again]) expectMatched(pipeline!, a);
  });

  test("cannot be read in another tenant's scope, nor resumed there", async () => {
    const { orders, inA, inB } = site;
    const [lazy] = await inA(() => [orders.watch()]);
    await expect(inB(() => lazy.next())).rejects.toMatchObject({ code: "PW_SCOPE_SWITCH" });
    listener.answerNext("aggregate", told("firstBatch", [event(1)]));
    const [begun] = await inA(() => [orders.watch()]);
    await inA(() => begun.next());
    listener.clear();
    listener.answerNext("getMore", LOST);
    await expect(inB(() => begun.next())).rejects.toMatchObject({ code: "PW_SCOPE_SWITCH" });
    expect(pipelines()).toEqual([]);
    await Promise.all([lazy.close(), begun.close()]);
  });
});
