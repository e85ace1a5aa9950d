import { randomUUID } from "node:crypto";
import { createPartywall, type Partywall } from "partywall";
import { tenantBoss } from "partywall/runtime/pg-boss";
import type { Job, PgBoss, WorkOptions } from "pg-boss";
import pg from "pg";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { codeOf, SECRET } from "../../scope/instance.js";
import { describeEngine } from "../../support/engine.js";
import { describeNode } from "../../support/node-version.js";
import { testDatabase, type TestDatabase } from "../../support/postgres.js";

describeNode(24, "pg-boss 12", () =>
  describeEngine("postgres", "jobs of pg-boss", () => {
    let database: TestDatabase;
    let eye: pg.Client;
    let native: PgBoss;
    beforeAll(async () => {
      database = await testDatabase();
      eye = new pg.Client({ connectionString: database.url });
      await eye.connect();
      const { PgBoss: Boss } = await import("pg-boss");
      native = new Boss({
        connectionString: database.url,
        cronWorkerIntervalSeconds: 1,
        cronMonitorIntervalSeconds: 1,
        max: 4,
      });
      native.on("error", () => undefined);
      await native.start();
    });
    afterAll(async () => {
      await native.stop({ graceful: false });
      await eye.end();
      await database.drop();
    });

    const tenants = async (): Promise<Partywall> => {
      const pw = createPartywall({ realm: randomUUID(), secret: SECRET });
      onTestFinished(() => pw.close());
      for (const id of ["acme", "globex"]) await pw.tenants.create({ id, slug: id, name: id });
      return pw;
    };

    /** A queue of its own, and a worker whose jobs say where they ran. */
    async function site(
      work: (job: Job<{ n?: number }>, pw: Partywall) => unknown = () => undefined,
      options: WorkOptions & { queue?: object } = {},
    ) {
      const pw = await tenants();
      const boss = tenantBoss(pw, native, { waitSeconds: 1 });
      const name = randomUUID();
      const { queue = {}, ...workOptions } = options;
      await boss.createQueue(name, queue);
      const ran: string[] = [];
      const begin = () =>
        boss.work<{ n?: number }>(
          name,
          { pollingIntervalSeconds: 0.5, ...workOptions },
          async ([job]) => {
            ran.push(`${pw.tryCurrent()?.slug ?? pw.scope()?.kind} ${job?.data?.n ?? ""}`.trim());
            return work(job!, pw);
          },
        );
      onTestFinished(async () => {
        await native.offWork(name, { wait: false });
        await native.deleteQueue(name);
      });
      const rows = async () =>
        (await eye.query("select * from pgboss.job where name = $1 order by created_on", [name]))
          .rows;
      const states = async () => (await rows()).map((row) => row.state as string);
      return { pw, boss, name, ran, begin, rows, states };
    }

    it("run in the tenant's scope that sent them, those of one batch too", async () => {
      const { pw, boss, name, ran, begin, rows } = await site(
        async (job, { current }) => {
          const before = current().slug;
          await new Promise((soon) => setTimeout(soon, Math.random() * 5));
          return [before, current().slug, job.data];
        },
        { batchSize: 10 },
      );
      await pw.run("acme", () => boss.send(name, { n: 1 }));
      await pw.run("globex", () => boss.send({ name, data: { n: 2 } }));
      await pw.run("acme", () => boss.insert(name, [{ data: { n: 3 } }, { data: { n: 4 } }]));
      await pw.run("globex", () => boss.sendAfter(name, { n: 5 }, {}, 1));
      await begin();
      await expect
        .poll(() => ran.toSorted())
        .toEqual(["acme 1", "acme 3", "acme 4", "globex 2", "globex 5"]);
      await expect
        .poll(async () => (await rows()).filter((row) => row.output !== null))
        .toHaveLength(5);
      for (const { output } of await rows()) {
        const [before, after, data] = output.value ?? output;
        expect(before).toBe(after);
        expect([1, 3, 4].includes(data.n) ? "acme" : "globex").toBe(before);
      }
    });

    it("keep their tenant over retries, and into the dead letters", async () => {
      const dead = randomUUID();
      await native.createQueue(dead);
      let fails = true;
      const { pw, boss, name, ran, begin, rows } = await site(
        () => {
          if (fails) throw new Error("not yet");
        },
        { queue: { retryLimit: 1, retryDelay: 0, deadLetter: dead } },
      );
      await pw.run("acme", () => boss.send(name, { n: 1 }));
      await begin();
      const buried: string[] = [];
      await boss.work(dead, { pollingIntervalSeconds: 0.5 }, async ([job]) => {
        buried.push(`${pw.current().slug} ${JSON.stringify(job?.data)}`);
      });
      await expect.poll(() => buried, { timeout: 20_000 }).toEqual(['acme {"n":1}']);
      expect(ran).toEqual(["acme 1", "acme 1"]);
      fails = false;
      await pw.run("globex", () => boss.send(name, { n: 2 }));
      await expect.poll(() => ran.at(-1)).toBe("globex 2");
      expect((await rows())[0].output.message).toBe("not yet");
      await native.offWork(dead, { wait: false });
    });

    it("of a suspended tenant wait, without spending an attempt, and hold up no others", async () => {
      const { pw, boss, name, ran, begin, states, rows } = await site(
        (job) => {
          if (job.data.n === 1 && job.retryCount === 0) throw new Error("unreachable");
        },
        { queue: { retryLimit: 0 } },
      );
      await pw.run("acme", () => boss.send(name, { n: 1 }));
      await pw.run("globex", () => boss.send(name, { n: 2 }));
      await pw.tenants.suspend("acme");
      await begin();
      await expect.poll(() => ran).toEqual(["globex 2"]);
      // It is looked at again and again.
      await expect
        .poll(
          async () => Number((await rows()).find((row) => row.state === "created")?.retry_limit),
          {
            timeout: 20_000,
          },
        )
        .toBeGreaterThanOrEqual(2);
      await pw.tenants.restore("acme");
      await expect.poll(() => ran, { timeout: 20_000 }).toEqual(["globex 2", "acme 1"]);
      await expect.poll(states).toEqual(["completed", "completed"]);
    });

    it("are refused without an envelope, with a forged one, and with one of another queue", async () => {
      const { pw, boss, name, ran, begin, rows } = await site(() => undefined, {
        queue: { retryLimit: 0 },
      });
      const other = randomUUID();
      await native.createQueue(other);
      await pw.run("acme", () => boss.send(other, { n: 1 }));
      const [{ data: moved }] = (
        await eye.query("select data from pgboss.job where name = $1", [other])
      ).rows;
      await native.send(name, { n: 2 });
      await native.send(name, { partywall: "acme", data: { n: 3 } });
      await native.send(name, moved);
      await native.send(name, { ...moved, partywall: `${moved.partywall}x` });
      await native.send(name, null);
      await begin();
      await expect
        .poll(async () => (await rows()).map(({ output }) => output?.code), { timeout: 20_000 })
        .toEqual(Array.from({ length: 5 }, () => "PW_SNAPSHOT_INVALID"));
      expect(ran).toEqual([]);
      await native.deleteQueue(other);
    });

    it("of a schedule are the tenant's, and two tenants' schedules of one name are two", async () => {
      const { pw, boss, name, ran, begin } = await site();
      for (const slug of ["acme", "globex"])
        await pw.run({ slug }, () =>
          boss.schedule(name, "* * * * * *", { n: 1 }, { key: "daily" }),
        );
      await begin();
      await expect
        .poll(() => new Set(ran), { timeout: 60_000 })
        .toEqual(new Set(["acme 1", "globex 1"]));
      await pw.run("acme", () => boss.unschedule(name, "daily"));
      const { rows } = await eye.query("select key from pgboss.schedule where name = $1", [name]);
      expect(rows).toEqual([{ key: expect.stringMatching(/^[\w-]{22}_daily$/) }]);
      await pw.run("globex", () => boss.unschedule(name, "daily"));
    });

    it("are throttled, and single, among their tenant's alone", async () => {
      const { pw, boss, name } = await site();
      const single = randomUUID();
      await native.createQueue(single, { policy: "short" });
      const sends = async (send: () => Promise<string | null>) => {
        const sent: boolean[] = [];
        for (const slug of ["acme", "acme", "globex"])
          // oxlint-disable-next-line no-await-in-loop -- one after the other
          sent.push((await pw.run({ slug }, send)) !== null);
        return sent;
      };
      expect(await sends(() => boss.sendThrottled(name, {}, {}, 600))).toEqual([true, false, true]);
      expect(await sends(() => boss.sendThrottled(name, {}, {}, 600, "key"))).toEqual([
        true,
        false,
        true,
      ]);
      expect(
        await sends(() => boss.send(name, {}, { singletonKey: "s", singletonSeconds: 600 })),
      ).toEqual([true, false, true]);
      expect(await sends(() => boss.send(single, {}))).toEqual([true, false, true]);
      await native.deleteQueue(single);
    });

    it("of one tenant take no more than the group's share of the workers", async () => {
      const running = { acme: 0, globex: 0 };
      const most = { acme: 0, globex: 0 };
      const { pw, boss, name, ran, begin } = await site(
        async (_job, { current }) => {
          const slug = current().slug as keyof typeof running;
          most[slug] = Math.max(most[slug], (running[slug] += 1));
          await new Promise((soon) => setTimeout(soon, 50));
          running[slug] -= 1;
        },
        { localConcurrency: 6, localGroupConcurrency: 2 },
      );
      await pw.run("acme", () =>
        boss.insert(
          name,
          Array.from({ length: 12 }, () => ({})),
        ),
      );
      await pw.run("globex", () =>
        boss.insert(
          name,
          Array.from({ length: 4 }, () => ({})),
        ),
      );
      await begin();
      await expect.poll(() => ran, { timeout: 30_000 }).toHaveLength(16);
      expect(Math.max(most.acme, most.globex)).toBeLessThanOrEqual(2);
      expect(most.globex).toBeGreaterThan(0);
    });

    it("are neither sent outside a scope nor shown or changed in a tenant's", async () => {
      const { pw, boss, name, rows } = await site();
      for (const call of [
        () => boss.send(name, {}),
        () => boss.insert(name, [{}]),
        () => boss.schedule(name, "* * * * *", {}),
        () => boss.unschedule(name),
      ])
        expect(await codeOf(call)).toBe("PW_NO_SCOPE");
      for (const call of [
        () => boss.fetch(name),
        () => boss.findJobs(name),
        () => boss.getQueueStats(name),
        () => boss.cancel(name, randomUUID()),
        () => boss.publish("event", {}),
        () => boss.getDb(),
        () => boss.on("warning", () => undefined).deleteAllJobs(name),
      ])
        expect(await pw.run("acme", () => codeOf(async () => call()))).toBe("PW_STATEMENT_REFUSED");
      const id = randomUUID();
      expect(await pw.run("acme", () => codeOf(() => boss.send(name, {}, { id } as object)))).toBe(
        "PW_STATEMENT_REFUSED",
      );
      const transactional = () => boss.work(name, { transactional: true }, async () => undefined);
      expect(await codeOf(transactional)).toBe("PW_CONFIG");
      expect(await rows()).toEqual([]);
      await pw.central(() => boss.send(name, {}));
      const found = await pw.system({ reason: "a count" }, () => boss.findJobs(name));
      expect(found).toHaveLength(1);
      // What Nest looks for on whatever it provides.
      expect(Reflect.get(boss, "onModuleInit")).toBeUndefined();
      const { PgBoss: Boss } = await import("pg-boss");
      const bare = tenantBoss(pw, new Boss({ db: { executeSql: async () => ({ rows: [] }) } }));
      expect(await codeOf(() => bare.work(name, async () => undefined))).toBe("PW_CONFIG");
      expect(() => tenantBoss(pw, native, { waitSeconds: 0 })).toThrow(
        expect.objectContaining({ code: "PW_CONFIG" }),
      );
    });
  }),
);
