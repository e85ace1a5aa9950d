import { BullModule, getQueueToken, Processor, WorkerHost } from "@nestjs/bullmq";
import { Injectable } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { Cron, ScheduleModule, SchedulerRegistry } from "@nestjs/schedule";
import type { Job, Queue } from "bullmq";
import { tenantProcessor, tenantQueue } from "partywall/runtime/bullmq";
import { perTenant } from "partywall/runtime/cron";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";
import { where } from "../instance.js";
import { moduleOf, type Parts } from "./application.js";
import { twoTenants } from "./service.js";
import { byHeader } from "./tenancy.js";

describeEngine("redis", "nest: what runs without a request", () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis({ "maxmemory-policy": "noeviction" });
  });
  afterAll(() => redis.stop());

  it("is every tenant's where @Cron calls perTenant, and nobody's where it does not", async () => {
    const pw = await twoTenants();
    const ran: string[] = [];
    @Injectable()
    class Nightly {
      readonly #invoices = perTenant(pw, () => void ran.push(where(pw)), { concurrency: 1 });

      @Cron("0 3 * * *", { name: "invoices" })
      invoices() {
        return this.#invoices();
      }
      @Cron("0 4 * * *", { name: "bare" })
      bare() {
        ran.push(`bare ${where(pw)}`);
      }
    }
    const app = await context({
      imports: [byHeader(pw), ScheduleModule.forRoot()],
      providers: [Nightly],
    });
    const jobs = app.get(SchedulerRegistry);
    await jobs.getCronJob("invoices").fireOnTick();
    await jobs.getCronJob("bare").fireOnTick();
    await expect.poll(() => ran.toSorted()).toEqual(["acme", "bare PW_NO_SCOPE", "globex"]);
  });

  it("is the tenant's that added a job, in processors of every queue", async () => {
    const pw = await twoTenants();
    const ran: string[] = [];
    const QUEUE = Symbol("mails");
    @Processor("mails", { concurrency: 5 })
    class Mails extends WorkerHost {
      readonly #send = tenantProcessor(pw, async (job: Job) => {
        await new Promise((soon) => setTimeout(soon, Math.random() * 5));
        ran.push(`${String(job.data)} ${where(pw)}`);
      });

      process(job: Job, token?: string) {
        return this.#send(job, token);
      }
    }
    const bull = BullModule.forRoot({ connection: { host: "127.0.0.1", port: redis.port } });
    const app = await context({
      imports: [byHeader(pw), bull, BullModule.registerQueue({ name: "mails" })],
      providers: [
        Mails,
        {
          provide: QUEUE,
          inject: [getQueueToken("mails")],
          useFactory: (queue: Queue) => tenantQueue(pw, queue),
        },
      ],
    });
    const queue = app.get<Queue>(QUEUE);
    for (let n = 0; n < 10; n += 1)
      for (const slug of ["acme", "globex"])
        // oxlint-disable-next-line no-await-in-loop -- interleaved
        await pw.run(`t-${slug}`, () => queue.add("welcome", slug));
    await expect.poll(() => ran).toHaveLength(20);
    expect(new Set(ran)).toEqual(new Set(["acme acme", "globex globex"]));
    const bare = app.get<Queue>(getQueueToken("mails"), { strict: false });
    await bare.add("welcome", "forged");
    await expect.poll(async () => (await bare.getFailed()).length).toBe(1);
    expect(ran).toHaveLength(20);
  });
});

/** An application without HTTP, closed when the test ends. */
async function context(parts: Parts) {
  const app = await NestFactory.createApplicationContext(moduleOf(parts), {
    logger: false,
    abortOnError: false,
  });
  onTestFinished(() => app.close());
  return app;
}
