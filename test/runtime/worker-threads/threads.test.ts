import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { Worker } from "node:worker_threads";
import { sealTask, openTask, tenantWorker } from "partywall/runtime/worker-threads";
import { createPartywall } from "partywall";
import { describe, expect, it, onTestFinished } from "vitest";
import { codeOf, rejectionOf, SECRET } from "../../scope/instance.js";

describe("tasks of threads", () => {
  async function site(secret = SECRET) {
    const realm = randomUUID();
    const pw = createPartywall({ realm, secret: SECRET });
    for (const id of ["acme", "globex", "gone", "new"])
      await pw.tenants.create({ id, slug: id, name: id });
    const thread = JSON.stringify(new URL("thread.ts", import.meta.url).href);
    const worker = new Worker(
      `import("tsx/esm/api").then(({ register }) => (register(), import(${thread})))`,
      { eval: true, workerData: { realm, secret } },
    );
    onTestFinished(async () => void (await worker.terminate()));
    await once(worker, "message");
    const run = tenantWorker(pw, "work", worker);
    const count = () => pw.central(() => run<number>({ do: "count" }));
    return { pw, worker, run, count };
  }

  it("run in the scope that sent them, interleaved", async () => {
    const { pw, run } = await site();
    const ran = await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        pw.run(at % 2 === 0 ? "acme" : "globex", () =>
          run({ do: "tell", ms: Math.random() * 5 }).then((told) => [told, pw.current().slug]),
        ),
      ),
    );
    expect(ran).toEqual(
      Array.from({ length: 40 }, (_, at) => {
        const of = at % 2 === 0 ? "acme" : "globex";
        return [[of, of], of];
      }),
    );
    expect(await pw.central(() => run({ do: "tell" }))).toEqual(["central", "central"]);
  });

  it("are not sent outside every scope, nor in a system scope", async () => {
    const { pw, run, count } = await site();
    expect(await codeOf(() => run({ do: "tell" }))).toBe("PW_NO_SCOPE");
    const system = () => pw.system({ reason: "test" }, () => run({ do: "tell" }));
    expect(await codeOf(system)).toBe("PW_SNAPSHOT_INVALID");
    expect(await count()).toBe(0);
  });

  it("cannot leave their tenant, and one that the thread's registry shuts out is not run", async () => {
    const { pw, run, count } = await site();
    expect(await codeOf(() => pw.run("acme", () => run({ do: "switch" })))).toBe("PW_SCOPE_SWITCH");
    expect(await codeOf(() => pw.run("gone", () => run({ do: "tell" })))).toBe(
      "PW_TENANT_SUSPENDED",
    );
    expect(await codeOf(() => pw.run("new", () => run({ do: "tell" })))).toBe("PW_TENANT_UNKNOWN");
    expect(await count()).toBe(1);
  });

  it("of a thread with another secret are refused", async () => {
    const { pw, run } = await site("another secret, which is as long as the first");
    expect(await codeOf(() => pw.run("acme", () => run({ do: "tell" })))).toBe(
      "PW_SNAPSHOT_INVALID",
    );
  });

  it("with a forged, a changed or another name's envelope are answered and not run", async () => {
    const { pw, worker, count } = await site();
    const [acme, other] = await pw.run("acme", () =>
      ["work", "other"].map((name) => sealTask(pw, name, { do: "tell" }).partywall),
    );
    const [body = "", mac = ""] = (acme ?? "").split(".");
    const payload = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
    const changed = Buffer.from(JSON.stringify({ ...payload, id: "globex" })).toString("base64url");
    for (const partywall of [undefined, "", 7, `${changed}.${mac}`, other]) {
      worker.postMessage({ task: -1, partywall, data: { do: "tell" } });
      const [answer] = (await once(worker, "message")) as [{ code: string }];
      expect(answer).toMatchObject({ task: -1, code: "PW_SNAPSHOT_INVALID" });
    }
    expect(await count()).toBe(0);
  });

  it("that are none end the thread, and whoever waits is told", async () => {
    const { pw, worker, run } = await site();
    const waits = rejectionOf(() => pw.run("acme", () => run({ do: "tell", ms: 60_000 })));
    // Not once() of node:events, which ends at the error that comes before.
    const exited = new Promise((done) => worker.once("exit", done));
    worker.postMessage({ do: "tell" });
    expect(await waits).toMatchObject({ message: expect.stringContaining("without an envelope") });
    await exited;
    expect(await rejectionOf(() => pw.run("acme", () => run({ do: "tell" })))).toBe(await waits);
  });

  it("hand on what they throw, what cannot be cloned, and that their thread has ended", async () => {
    const { pw, run } = await site();
    const of = (what: string) => rejectionOf(() => pw.run("acme", () => run({ do: what })));
    expect(await of("throw")).toBeInstanceOf(TypeError);
    expect(await of("function")).toMatchObject({
      message: "The value of a task cannot be sent between threads.",
    });
    expect(await of("exit")).toMatchObject({
      message: "The thread of work has ended with code 3.",
    });
  });

  it("of a pool are opened by hand, under their own name alone", async () => {
    const { pw } = await site();
    const sealed = structuredClone(await pw.run("acme", () => sealTask(pw, "square", 7)));
    expect(await openTask(pw, "square", sealed, (side) => [pw.current().slug, side])).toEqual([
      "acme",
      7,
    ]);
    expect(await codeOf(() => openTask(pw, "cube", sealed, () => 1))).toBe("PW_SNAPSHOT_INVALID");
    expect(await codeOf(() => openTask(pw, "square", undefined as never, () => 1))).toBe(
      "PW_SNAPSHOT_INVALID",
    );
  });
});
