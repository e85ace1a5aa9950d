import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startMongoListener, type MongoListener } from "../../../support/mongo-listener.js";
import { DRIVERS } from "../drivers.js";
import { openSite, type Site } from "../site.js";

const names = (listener: MongoListener) => listener.commands().map((one) => Object.keys(one)[0]);

describe.each(DRIVERS)("a transaction of %s, on the wire", (_name, driver) => {
  let listener: MongoListener;
  let site: Site;
  beforeEach(async () => {
    listener = await startMongoListener();
    site = await openSite(driver, `${listener.url}shop?replicaSet=partywall`, {
      clientOptions: { maxPoolSize: 2 },
      expelGraceMs: 300,
    });
    await site.inA(() => site.orders.countDocuments());
    listener.clear();
  });
  afterEach(async () => {
    await site.pw.close();
    await listener.close();
  });

  test("carries its tenant on each statement, and is committed as it is", async () => {
    const { guard, orders, inA, a } = site;
    await inA(() =>
      guard.client.withSession((session) =>
        session.withTransaction(async () => {
          await orders.insertOne({ n: 1 }, { session });
          await orders.updateOne({ n: 1 }, { $set: { n: 2 } }, { session });
        }),
      ),
    );
    const [insert, update, commit] = listener.commands();
    expect(insert).toMatchObject({ startTransaction: true, documents: [{ n: 1, tenantId: a }] });
    expect(JSON.stringify(update!["updates"])).toContain(a);
    expect(Object.keys(commit!)[0]).toBe("commitTransaction");
    expect([update!["lsid"], commit!["lsid"]]).toEqual([insert!["lsid"], insert!["lsid"]]);
    expect(commit).toMatchObject({ txnNumber: insert!["txnNumber"], autocommit: false });
  });

  test("repeated by the driver is its tenant's again", async () => {
    const { guard, orders, inA, a } = site;
    const failed = { ok: 0, code: 112, codeName: "WriteConflict", errmsg: "conflict" };
    listener.answerNext("insert", { ...failed, errorLabels: ["TransientTransactionError"] });
    await inA(() =>
      guard.client.withSession((session) =>
        session.withTransaction(() => orders.insertOne({ n: 1 }, { session })),
      ),
    );
    const inserts = listener.commands().filter((one) => "insert" in one);
    expect(inserts).toHaveLength(2);
    for (const { documents } of inserts) expect(documents).toMatchObject([{ tenantId: a }]);
  });

  test("cannot be committed or used by another scope, which sends nothing", async () => {
    const { guard, orders, inA, inB, inSystem, pw } = site;
    const session = await inA(() => guard.client.startSession());
    session.startTransaction();
    await inA(() => orders.insertOne({ n: 1 }, { session }));
    listener.clear();
    const elsewhere = [inB, inSystem, <T>(fn: () => T) => pw.central(fn)];
    for (const call of [
      () => orders.insertOne({ n: 2 }, { session }),
      () => orders.find({}, { session }).toArray(),
      () => session.commitTransaction(),
    ]) {
      for (const there of elsewhere)
        await expect(there<Promise<unknown>>(call)).rejects.toMatchObject({
          code: "PW_TRANSACTION_SCOPE",
        });
    }
    expect(names(listener)).toEqual([]);
    await inA(() => session.commitTransaction());
    expect(names(listener)).toEqual(["commitTransaction"]);
    await session.endSession();
  });

  test("is aborted on the server wherever its scope was left", async () => {
    const { guard, orders, inA, inB } = site;
    const leave: readonly ((end: () => Promise<void>) => Promise<void>)[] = [
      (end) => end(),
      (end) => inB(end),
    ];
    for (const how of ["abortTransaction", "endSession"] as const) {
      for (const there of leave) {
        const session = await inA(() => guard.client.startSession());
        session.startTransaction();
        await inA(() => orders.insertOne({ n: 1 }, { session }));
        listener.clear();
        await there(() => session[how]());
        expect(names(listener)).toEqual(["abortTransaction"]);
        await session.endSession();
      }
    }
  });

  test("of a tenant that is shut out is aborted, and its commands waited for", async () => {
    const { guard, orders, inA, a } = site;
    const session = await inA(() => guard.client.startSession());
    session.startTransaction();
    await inA(() => orders.insertOne({ n: 1 }, { session }));
    let answer: (document: object) => void = () => undefined;
    listener.answerNext("update", new Promise((resolve) => (answer = resolve)));
    const updating = inA(() => orders.updateOne({ n: 1 }, { $set: { n: 2 } }));
    await vi.waitFor(() => expect(names(listener)).toContain("update"));
    const order: string[] = [];
    const expelled = guard.expel({ id: a, placement: { strategy: "row" } }).then(() => {
      order.push("expelled");
    });
    await expect(inA(() => orders.findOne())).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
    answer({ ok: 1, n: 1, nModified: 1 });
    await updating.then(() => order.push("updated"));
    await expelled;
    expect(order).toEqual(["updated", "expelled"]);
    expect(names(listener).at(-1)).toBe("abortTransaction");
    await expect(inA(() => session.commitTransaction())).rejects.toThrow(/./);
    expect(names(listener)).not.toContain("commitTransaction");
  });

  test("a command that outlasts the patience is ended, and others' go on", async () => {
    const { guard, orders, inA, inB, a } = site;
    listener.answerNext("update", new Promise(() => undefined));
    const updating = inA(() => orders.updateOne({ n: 1 }, { $set: { n: 2 } })).then(
      () => "answered",
      () => "ended",
    );
    await vi.waitFor(() => expect(names(listener)).toContain("update"));
    await guard.expel({ id: a, placement: { strategy: "row" } });
    expect(await updating).toBe("ended");
    expect(names(listener).filter((name) => name === "update")).toHaveLength(1);
    expect(await inB(() => orders.countDocuments())).toBe(0);
  });

  test("what was answered is not waited for, nor its connection ended", async () => {
    const { guard, orders, inA, inB, a } = site;
    await inA(() => orders.updateOne({ n: 1 }, { $set: { n: 2 } }));
    const closed: unknown[] = [];
    guard.client.on("connectionClosed", (event) => void closed.push(event));
    await guard.expel({ id: a, placement: { strategy: "row" } });
    expect(await inB(() => orders.countDocuments())).toBe(0);
    expect(closed).toEqual([]);
  });

  test("a write that is retried after a change of the primary is its tenant's again", async () => {
    const { orders, inA, inB, a } = site;
    const failed = { ok: 0, code: 10107, codeName: "NotWritablePrimary", errmsg: "not primary" };
    listener.answerNext("insert", { ...failed, errorLabels: ["RetryableWriteError"] });
    await Promise.all([inA(() => orders.insertOne({ n: 1 })), inB(() => orders.findOne())]);
    const inserts = listener.commands().filter((one) => "insert" in one);
    expect(inserts).toHaveLength(2);
    expect(inserts[1]!["txnNumber"]).toEqual(inserts[0]!["txnNumber"]);
    for (const { documents } of inserts) expect(documents).toMatchObject([{ tenantId: a }]);
  });
});
