import { randomUUID } from "node:crypto";
import { FlowProducer, Queue, Worker, type Job } from "bullmq";
import { createPartywall } from "partywall";
import { tenantFlowProducer, tenantProcessor, tenantQueue } from "partywall/runtime/bullmq";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { codeOf, SECRET } from "../../scope/instance.js";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";

describeEngine("redis", "flows of BullMQ", () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis({ "maxmemory-policy": "noeviction" });
  });
  afterAll(() => redis.stop());

  /** Two queues, a flow producer over both, and workers whose jobs say where they ran. */
  async function site() {
    const connection = { host: "127.0.0.1", port: redis.port };
    const pw = createPartywall({ realm: randomUUID(), secret: SECRET });
    for (const id of ["acme", "globex"]) await pw.tenants.create({ id, slug: id, name: id });
    const [books, pages] = [randomUUID(), randomUUID()];
    const producer = new FlowProducer({ connection });
    const queues = [books, pages].map((name) => new Queue(name, { connection }));
    const ran: string[] = [];
    const work = (): (() => Promise<void>) => {
      const workers = [books, pages].map(
        (name) =>
          new Worker(
            name,
            tenantProcessor(pw, async (job: Job) => {
              const of = pw.tryCurrent()?.slug ?? pw.scope()?.kind;
              ran.push(`${of} ${job.name}`);
              return Object.values(await job.getChildrenValues()).concat(`${of}'s`);
            }),
            { connection },
          ),
      );
      return async () => void (await Promise.all(workers.map((worker) => worker.close())));
    };
    onTestFinished(async () => {
      await producer.close();
      await Promise.all(queues.map((queue) => queue.close()));
      await pw.close();
    });
    const [bookQueue, pageQueue] = queues as [Queue, Queue];
    const flow = (name = "book") => ({
      name,
      queueName: books,
      children: [1, 2].map((page) => ({ name: "page", queueName: pages, data: { page } })),
    });
    const flows = tenantFlowProducer(pw, producer);
    return { pw, flows, producer, flow, books, pages, bookQueue, pageQueue, ran, work };
  }

  it("run parents and children in the scope that added them, interleaved", async () => {
    const { pw, flows, flow, bookQueue, ran, work } = await site();
    await Promise.all(["acme", "globex"].map((of) => pw.run(of, () => flows.add(flow()))));
    await pw.run("acme", () => flows.addBulk([flow("second"), flow("third")]));
    await pw.central(() => flows.add(flow("sweep")));
    onTestFinished(work());
    await expect.poll(() => bookQueue.getCompletedCount(), { timeout: 10_000 }).toBe(5);
    expect(ran.filter((one) => one.startsWith("acme"))).toHaveLength(9);
    expect(ran.filter((one) => one.startsWith("globex"))).toHaveLength(3);
    const results = (await bookQueue.getCompleted()).map(
      ({ name, returnvalue }) => `${name}: ${[returnvalue].flat(2).join(" ")}`,
    );
    expect(results.toSorted()).toEqual([
      "book: acme's acme's acme's",
      "book: globex's globex's globex's",
      "second: acme's acme's acme's",
      "sweep: central's central's central's",
      "third: acme's acme's acme's",
    ]);
  });

  it("of two tenants never meet in one id, neither do those of default options", async () => {
    const { pw, flows, books, pages, flow, pageQueue } = await site();
    // BullMQ's types leave no id in default options; its code takes one.
    const defaultJobOptions = { deduplication: { id: "once" } } as object;
    for (const of of ["acme", "globex", "acme"])
      await pw.run(of, async () => {
        await flows.add({ ...flow(), opts: { jobId: "book-7" }, children: [] });
        const leaf = { name: "page", queueName: pages, data: { of } };
        await flows.add(leaf, { queuesOptions: { [pages]: { defaultJobOptions } } });
      });
    const waiting = (await pageQueue.getWaiting()).map(({ data }) => data.of as string);
    expect(waiting.toSorted()).toEqual(["acme", "globex"]);
    const kept = (await redis.command("keys", `bull:${books}:*book-7`)) as string[];
    expect(kept).toHaveLength(2);
  });

  it("are never put below another tenant's job, nor a central one's", async () => {
    const { pw, flows, flow, bookQueue, pageQueue } = await site();
    const books = tenantQueue(pw, bookQueue);
    const secret = await pw.run("globex", () => books.add("secret", {}));
    const own = await pw.run("acme", () => books.add("own", {}));
    const nobody = await pw.central(() => books.add("nobody's", {}));
    const below = (id: string) => ({ id, queue: bookQueue.qualifiedName });
    const before = await redis.command("keys", "*");
    for (const [scope, id] of [
      ["acme", secret.id ?? ""],
      ["acme", nobody.id ?? ""],
      ["acme", "1"],
      ["acme", ""],
      ["central", secret.id ?? ""],
    ] as const) {
      for (const add of [
        () => flows.add({ ...flow(), opts: { parent: below(id) } }),
        () => flows.addBulk([{ ...flow(), opts: { parent: below(id) } }]),
        () => tenantQueue(pw, pageQueue).add("page", {}, { parent: below(id) }),
      ]) {
        const inScope = () =>
          scope === "central" ? pw.central(() => add() as unknown) : pw.run(scope, add as never);
        expect(await codeOf(inScope)).toBe("PW_STATEMENT_REFUSED");
      }
    }
    expect(await redis.command("keys", "*")).toHaveLength((before as string[]).length);
    await pw.run("acme", () =>
      tenantQueue(pw, pageQueue).add("page", {}, { parent: below(own.id ?? "") }),
    );
    expect(await own.getDependenciesCount()).toMatchObject({ unprocessed: 1 });
  });

  it("are not added outside every scope, and are read in a system scope alone", async () => {
    const { pw, flows, flow, books } = await site();
    expect(await codeOf(() => flows.add(flow()))).toBe("PW_NO_SCOPE");
    expect(await codeOf(() => flows.addBulk([flow()]))).toBe("PW_NO_SCOPE");
    expect(await redis.command("keys", `bull:${books}:*`)).toEqual([]);
    const { job } = await pw.run("globex", () => flows.add(flow()));
    const read = () => flows.getFlow({ id: job.id ?? "", queueName: books });
    for (const scoped of [() => pw.run("globex", read), () => pw.central(read), async () => read()])
      expect(await codeOf(scoped)).toBe("PW_STATEMENT_REFUSED");
    expect(await codeOf(async () => flows.getBackend())).toBe("PW_STATEMENT_REFUSED");
    const seen = await pw.system({ reason: "looking after the queue" }, read);
    expect(seen.children).toHaveLength(2);
  });

  it("refuse a child whose envelope is another's", async () => {
    const { pw, flows, flow, pageQueue, ran, work } = await site();
    await pw.run("acme", () => flows.add({ ...flow(), children: [] }));
    const { children = [] } = await pw.run("acme", () => flows.add(flow()));
    const other = await pw.run("globex", () => flows.add(flow()));
    const [child] = children;
    await redis.command(
      "hset",
      pageQueue.toKey(child?.job.id ?? ""),
      "opts",
      JSON.stringify(other.job.opts),
    );
    onTestFinished(work());
    await expect.poll(() => pageQueue.getFailedCount(), { timeout: 10_000 }).toBe(1);
    const [failed] = await pageQueue.getFailed();
    expect(failed?.failedReason).toMatch(/taken for something else/);
    await expect.poll(() => ran.filter((one) => one === "globex page").length).toBe(2);
  });
});
