import { setTimeout as sleep } from "node:timers/promises";
import * as mongodb from "mongodb";
import { mongoStore, type TenantStore } from "partywall/registry";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { describeMongo } from "../support/mongo.js";
import { faultyDriver, type Fault, type Step } from "./faulty-driver.js";
import { record } from "./record.js";

const updatedAt = "2026-05-06T07:08:09.010Z";
const DOMAIN = "shop.example.org";
const none: Fault = () => undefined;

describeMongo("a domain, in MongoDB, without transactions", (mongo) => {
  /** A registry of two tenants, without domains. */
  async function registry() {
    const database = mongo.database();
    const node = (fault: Fault = none): TenantStore => {
      const store = mongoStore(faultyDriver(mongodb, fault), {
        url: mongo.url,
        database: database.databaseName,
      });
      onTestFinished(() => store.close!());
      return store;
    };
    const store = node();
    for (const id of ["acme", "globex"]) await store.insert(record({ id, slug: id }));
    const read = async (id: string) => (await store.find({ id }))!;
    const give = async (by: TenantStore, id: string, domains: readonly string[]) =>
      by.update(id, (await read(id)).version, { domains, updatedAt });
    const holders = async () =>
      (await database.collection("tenants").find({ domains: DOMAIN }).toArray()).map(({ _id }) =>
        String(_id),
      );
    const claims = () => database.collection("tenants_domains").find().toArray();
    return { database, node, store, read, give, holders, claims };
  }

  /** A fault that ends the process at the given place among its steps; `reached` tells whether it came to it. */
  function crashAt(place: number) {
    let passed = 0;
    let reached = false;
    const fault: Fault = () => {
      // A process that is gone does nothing more.
      if (reached) throw new Error("crashed");
      passed += 1;
      if (passed <= place) return;
      reached = true;
      throw new Error("crashed");
    };
    return { fault, reached: () => reached };
  }

  describe.each<[string, readonly string[], readonly string[]]>([
    ["given", [], [DOMAIN]],
    ["taken away", [DOMAIN], []],
    ["exchanged", ["old.example.org"], [DOMAIN]],
  ])("of a process that crashes at any step while it is %s", (_, before, after) => {
    it("is neither two tenants' nor lost", async () => {
      for (let place = 0; ; place += 1) {
        const { node, store, give, read, holders, claims } = await registry();
        if (before.length > 0) expect(await give(store, "acme", before)).toBe("updated");
        const crash = crashAt(place);
        const outcome = await give(node(crash.fault), "acme", after).catch(() => "crashed");
        const held = (await read("acme")).domains;
        expect([before, after]).toContainEqual(held);
        // The other tenant gets it exactly if the crashed change has not given it to the first.
        const others = await give(store, "globex", [DOMAIN]);
        expect(others).toBe(held.includes(DOMAIN) ? "domain-taken" : "updated");
        expect(await holders()).toEqual([held.includes(DOMAIN) ? "acme" : "globex"]);
        expect(await give(store, "globex", [])).toBe("updated");
        expect(await give(store, "acme", [DOMAIN])).toBe("updated");
        expect(await holders()).toEqual(["acme"]);
        expect((await store.find({ domain: DOMAIN }))?.id).toBe("acme");
        expect((await claims()).filter(({ _id }) => String(_id) === DOMAIN)).toMatchObject([
          { tenant: "acme" },
        ]);
        if (!crash.reached()) {
          expect(outcome).toBe("updated");
          // Reading, claiming or releasing, and the change itself, each before and behind.
          expect(place).toBeGreaterThanOrEqual(6);
          return;
        }
      }
    }, 60_000);
  });

  it("is claimed again at once by the tenant whose change crashed", async () => {
    const { node, store, give, holders, claims } = await registry();
    const crash: Fault = ({ collection, method }) => {
      if (collection === "tenants" && method === "updateOne") throw new Error("crashed");
    };
    await expect(give(node(crash), "acme", [DOMAIN])).rejects.toMatchObject({
      code: "PW_REGISTRY_UNAVAILABLE",
    });
    expect(await holders()).toEqual([]);
    expect(await claims()).toMatchObject([{ _id: DOMAIN, tenant: "acme", version: 1 }]);
    expect(await give(store, "acme", [DOMAIN])).toBe("updated");
    expect(await store.find({ id: "acme" })).toMatchObject({ version: 2, domains: [DOMAIN] });
  });

  /** A node whose change of a record, or another step, waits for `until`, and when it has come to wait. */
  function heldUp(
    node: (fault: Fault) => TenantStore,
    until: () => Promise<void>,
    held: Step = { collection: "tenants", method: "updateOne" },
  ) {
    let waits = false;
    const slow = node(async ({ collection, method }, when) => {
      const isHeld = collection === held.collection && method === held.method;
      if (!isHeld || when !== "before") return;
      waits = true;
      await until();
    });
    return { slow, reached: () => vi.waitUntil(() => waits, { timeout: 10_000 }) };
  }

  it("cannot become a second tenant's by a change that was held up for long", async () => {
    const { node, store, give, holders, read } = await registry();
    let isOver = false;
    const { slow, reached } = heldUp(node, async () => {
      await vi.waitUntil(() => isOver, { timeout: 20_000 });
    });
    const late = give(slow, "acme", [DOMAIN]);
    await reached();
    expect(await give(store, "globex", [DOMAIN])).toBe("updated");
    isOver = true;
    expect(await late).toBe("conflict");
    expect(await holders()).toEqual(["globex"]);
    expect((await read("acme")).domains).toEqual([]);
  });

  it("is not taken from a change that is only slow", async () => {
    const { node, store, give, holders } = await registry();
    const { slow, reached } = heldUp(node, () => sleep(200));
    const first = give(slow, "acme", [DOMAIN]);
    await reached();
    expect(await give(store, "globex", [DOMAIN])).toBe("domain-taken");
    expect(await first).toBe("updated");
    expect(await holders()).toEqual(["acme"]);
  });

  it("keeps its claim where a release that was held up comes after it was given again", async () => {
    const { node, store, give, claims, holders } = await registry();
    await give(store, "acme", [DOMAIN]);
    let isOver = false;
    const release = { collection: "tenants_domains", method: "deleteMany" };
    const until = async () => void (await vi.waitUntil(() => isOver, { timeout: 20_000 }));
    const { slow, reached } = heldUp(node, until, release);
    const taken = give(slow, "acme", []);
    await reached();
    expect(await give(store, "acme", [DOMAIN])).toBe("updated");
    isOver = true;
    expect(await taken).toBe("updated");
    expect(await claims()).toMatchObject([{ _id: DOMAIN, tenant: "acme", version: 3 }]);
    expect(await holders()).toEqual(["acme"]);
  });

  it("is kept by the tenant that names it when a claim was deleted by hand", async () => {
    const { database, store, give, holders } = await registry();
    await give(store, "acme", [DOMAIN]);
    await database.collection("tenants_domains").deleteMany({});
    expect(await give(store, "globex", [DOMAIN])).toBe("domain-taken");
    expect(await holders()).toEqual(["acme"]);
  });

  it("leads to nobody by a claim that no record names", async () => {
    const { database, store } = await registry();
    await database
      .collection<{ _id: string; tenant: string; version: number }>("tenants_domains")
      .insertOne({ _id: DOMAIN, tenant: "acme", version: 1 });
    expect(await store.find({ domain: DOMAIN })).toBeUndefined();
  });

  it("leads to nobody where two records were edited to name it", async () => {
    const { database, store } = await registry();
    await database.collection("tenants").updateMany({}, { $set: { domains: [DOMAIN] } });
    await expect(store.find({ domain: DOMAIN })).rejects.toMatchObject({
      code: "PW_REGISTRY_CONTRACT",
    });
  });

  it("leaves no claim behind when it is taken away", async () => {
    const { store, give, claims } = await registry();
    await give(store, "acme", [DOMAIN, "b.example.org"]);
    await give(store, "acme", ["b.example.org"]);
    expect(await claims()).toMatchObject([{ _id: "b.example.org", tenant: "acme" }]);
  });

  it("is taken by one of many who ask at once over clients of their own", async () => {
    const { node, store, holders } = await registry();
    const nodes = Array.from({ length: 6 }, () => node());
    for (let at = 0; at < nodes.length; at += 1)
      await store.insert(record({ id: `t${at}`, slug: `t${at}` }));
    const outcomes = await Promise.all(
      nodes.map((one, at) => one.update(`t${at}`, 1, { domains: [DOMAIN], updatedAt })),
    );
    expect(outcomes.toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => "domain-taken"),
      "updated",
    ]);
    expect(await holders()).toEqual([`t${outcomes.indexOf("updated")}`]);
  });

  /** Many give and take two domains; some crash, some stall; somebody looks on meanwhile. */
  async function contend() {
    const { database, node, store } = await registry();
    await store.insert(record({ id: "third", slug: "third" }));
    const [domains, ids] = [
      [DOMAIN, "b.example.org"],
      ["acme", "globex", "third"],
    ];
    const tenants = database.collection("tenants");
    const outcomes: Record<string, number> = {};
    const any = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)]!;
    const done: string[] = [];
    async function work(): Promise<void> {
      for (let turn = 0; turn < 12; turn += 1) {
        const dies = Math.random() < 0.15;
        const by = node(async () => {
          if (dies && Math.random() < 0.3) throw new Error("crashed");
          // Now and then so long that others stop waiting for it.
          await sleep(Math.random() < 0.02 ? 1_300 : Math.random() * 4);
        });
        const id = any(ids);
        const { version } = (await store.find({ id }))!;
        const change = { domains: domains.filter(() => Math.random() < 0.5), updatedAt };
        const outcome = await by.update(id, version, change).catch(() => "crashed");
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
      done.push("one");
    }
    let mostHolders = 0;
    async function watch(): Promise<void> {
      while (done.length < 6)
        for (const domain of domains) {
          mostHolders = Math.max(mostHolders, await tenants.countDocuments({ domains: domain }));
        }
    }
    await Promise.all([watch(), ...Array.from({ length: 6 }, work)]);
    const claims = database.collection<{ _id: string; tenant: string }>("tenants_domains");
    const unclaimed: string[] = [];
    for (const { _id, domains: named } of await tenants.find().toArray())
      for (const domain of named as string[])
        if ((await claims.findOne({ _id: domain }))?.tenant !== String(_id)) unclaimed.push(domain);
    expect([mostHolders, unclaimed]).toEqual([1, []]);
    // What happened is what was to be survived.
    for (const outcome of ["updated", "conflict", "domain-taken", "crashed"])
      expect(outcomes[outcome], outcome).toBeGreaterThan(0);
  }

  mongo.testNeeding(
    "atomicUpdate",
    "is never two tenants', whatever crashes and stalls while many give and take it",
    contend,
  );
});
