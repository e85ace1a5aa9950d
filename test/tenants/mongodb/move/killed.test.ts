import { setTimeout as sleep } from "node:timers/promises";
import type { Placement } from "partywall";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeMongo, startMongo, type MongoServer } from "../../../support/mongo.js";
import { collectionsIn } from "../homes.js";
import { atEveryMoment, killedAt, type Job, type Moment } from "../in-process.js";
import { buildTown, COLLECTIONS, type Town } from "./town.js";

const ROW: Placement = { strategy: "row" };
// What the application may meet while its tenant is moved.
const EXPECTED = new Set(["PW_TENANT_SUSPENDED", "PW_SEAL_REFUSED", "PW_PLACEMENT_STALE"]);

describeMongo("a process that is killed while it moves a tenant", (mongo) => {
  let far: MongoServer;
  let town: Town;
  beforeAll(async () => {
    far = await startMongo(mongo.engine);
    town = await buildTown(mongo, far.client, far.url);
  });
  afterAll(async () => {
    await town?.close();
    await far?.stop();
  });

  const jobOf = (tenant: { id: string; slug: string }) => ({
    admin: town.admin,
    realm: town.realm,
    tenant: { ...tenant, placement: ROW },
    collections: COLLECTIONS,
  });
  const killed = (job: Job, moment: Moment) => {
    const { tenants } = town.pw;
    return killedAt(job, moment, {
      get: (key: string) => tenants.get(key),
      relocate: (...args: Parameters<typeof tenants.relocate>) => tenants.relocate(...args),
      suspend: (id: string) => tenants.suspend(id),
      restore: (id: string) => tenants.restore(id),
      admit: (tenant: Parameters<typeof town.guard.admit>[0]) => town.guard.admit(tenant),
    });
  };

  /** Writes as a tenant as long as `work` lasts; resolves to what it came to, and the numbers that were acknowledged. */
  const writingDuring = async <T>(id: string, work: () => Promise<T>) => {
    const done = new AbortController();
    const written: number[] = [];
    const writer = (async () => {
      for (let number = 1000; !done.signal.aborted; number += 1) {
        try {
          await town.pw.run(id, () => town.orders.insertOne({ number }));
          written.push(number);
        } catch (error) {
          expect(EXPECTED).toContain((error as { code: string }).code);
        }
        await sleep(100);
      }
    })();
    try {
      return { value: await work(), written };
    } finally {
      done.abort();
      await writer;
    }
  };
  const numbersOf = async (id: string) =>
    new Set((await town.see(id)).orders.map(({ number }) => number));

  test("loses nothing, and the same call goes on, whenever that was", async () => {
    const neighbour = await town.tenant();
    const dieAt = async (moment: Moment, isBack: boolean, confirmAt: Moment) => {
      const from = isBack ? town.database() : ROW;
      const to = isBack ? ROW : town.database();
      const tenant = await town.tenant(from);
      const { value: name, written } = await writingDuring(tenant.id, async () => {
        const last = await killed({ ...jobOf(tenant), do: "move", to }, moment);
        await town.mover().move(tenant.id, to, { settleMs: 0 });
        return last;
      });
      const known = new Set([1, 2, 3, ...written]);
      const title = `killed at ${JSON.stringify(moment)}, ${name}`;
      expect(await numbersOf(tenant.id), title).toEqual(known);
      expect((await town.see(tenant.id)).customers, title).toBe(1);
      expect(await town.pw.tenants.get(tenant.id), title).toMatchObject({
        placement: to,
        status: "active",
      });
      expect(await town.mover().status(tenant.id), title).toMatchObject({ step: "kept" });
      await killed({ ...jobOf(tenant), do: "confirm" }, confirmAt);
      await town
        .mover()
        .confirm(tenant.id)
        .catch((error: Error) => expect(error.message).toContain("no old copy"));
      expect(await town.mover().status(tenant.id), title).toBeUndefined();
      expect(await numbersOf(tenant.id), title).toEqual(known);
      if (isBack) expect(await collectionsIn(town.at(from)), title).toEqual([]);
      else {
        const rows = town.homeDb.collection("orders");
        expect(await rows.countDocuments({ tenantId: tenant.id }), title).toBe(0);
      }
      return name;
    };
    const names = await atEveryMoment(
      (number) => dieAt(number, number % 2 === 0, 1 + (number % 13)),
      { step: 7, atOnce: 5 },
    );
    expect(names.length).toBeGreaterThan(5);
    const questions = ["suspend", "admit", "relocate", "restore"];
    const named = questions.flatMap((name): Moment[] => [name, { after: name }]);
    const died = await Promise.all(
      named.map((moment, at) => dieAt(moment, at % 3 === 0, 14 + 2 * at)),
    );
    expect(died).toEqual(questions.flatMap((name) => [name, `after ${name}`]));
    expect((await town.see(neighbour.id)).orders).toHaveLength(3);
  }, 280_000);

  test("leaves what can be given up before the cut, and then nothing of it is left", async () => {
    let givenUp = 0;
    await atEveryMoment(
      async (number) => {
        const tenant = await town.tenant();
        const to = town.database();
        const { value: name, written } = await writingDuring(tenant.id, async () => {
          const last = await killed({ ...jobOf(tenant), do: "move", to }, number);
          if (number % 2 === 0) await killed({ ...jobOf(tenant), do: "giveUp" }, 1 + (number % 9));
          const mover = town.mover();
          // It may have been given up already, or not begun.
          await mover.giveUp(tenant.id).then(
            () => (givenUp += 1),
            (error: Error) => expect(error.message).toMatch(/not being moved|lives at its new/),
          );
          return last;
        });
        const { placement, status } = await town.pw.tenants.get(tenant.id);
        if (placement.strategy === "row") {
          expect(status, `killed at ${number}, ${name}`).toBe("active");
          expect(await town.mover().status(tenant.id)).toBeUndefined();
          expect(await collectionsIn(town.at(to))).toEqual([]);
        } else await town.mover().move(tenant.id, to, { settleMs: 0 });
        expect(await numbersOf(tenant.id)).toEqual(new Set([1, 2, 3, ...written]));
        return name;
      },
      { step: 11, atOnce: 5 },
    );
    expect(givenUp).toBeGreaterThan(2);
  }, 280_000);
});
