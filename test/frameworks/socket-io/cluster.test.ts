import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { io as connect } from "socket.io-client";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startRedis } from "../../support/redis.js";
import type { Redis } from "../../support/redis.js";
import type { Order } from "./server-process.js";

/** A server in a process of its own. */
async function startServer(redis: Redis) {
  const child = fork(
    fileURLToPath(new URL("server-process.ts", import.meta.url)),
    [String(redis.port)],
    { execArgv: ["--import", "tsx"] },
  );
  const answers = new Map<number, (answer: { value?: unknown; error?: string }) => void>();
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  child.on("message", (answer: { id: number; value?: unknown; error?: string }) =>
    answers.get(answer.id)?.(answer),
  );
  /** Has the server do something in a scope; gives what it gave, or the code of its error. */
  const order = async (scope: string, deed: Order["deed"], ...args: readonly unknown[]) => {
    const id = answers.size;
    const answered = new Promise<{ value?: unknown; error?: string }>((done) =>
      answers.set(id, done),
    );
    child.send({ id, scope, deed, args } satisfies Order);
    const { value, error } = await answered;
    return error ?? value;
  };
  const join = async (tenant: string, user: string, namespace = "") => {
    const socket = connect(`http://127.0.0.1:${port}${namespace}`, {
      auth: { tenant, user },
      forceNew: true,
      reconnection: false,
    });
    onTestFinished(() => void socket.disconnect());
    const got: string[] = [];
    socket.onAny((event: string, answer?: (said: string) => void) => {
      got.push(event);
      answer?.(user);
    });
    await new Promise<void>((done, fail) => {
      socket.once("connect", done);
      socket.once("connect_error", fail);
    });
    return { socket, got };
  };
  return { order, join, kill: () => child.kill("SIGKILL"), ended: once(child, "exit") };
}

describeEngine("redis", "socket.io: two servers over Redis", () => {
  let redis: Redis;
  let a: Awaited<ReturnType<typeof startServer>>;
  let b: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    redis = await startRedis();
    [a, b] = await Promise.all([startServer(redis), startServer(redis)]);
  });
  afterAll(async () => {
    for (const server of [a, b]) {
      server.kill();
      // oxlint-disable-next-line no-await-in-loop -- two
      await server.ended;
    }
    await redis.stop();
  });

  /** A client of each tenant on each server. */
  const four = async () => {
    const [acmeA, globexA, acmeB, globexB] = await Promise.all([
      a.join("acme", "ada"),
      a.join("globex", "gil"),
      b.join("acme", "bob"),
      b.join("globex", "gus"),
    ]);
    const all = { acmeA, globexA, acmeB, globexB };
    /** What each got, once what Redis carried has come: an event after it to everybody, from either server. */
    const got = async () => {
      await a.order("system", "emit", null, "mark of a");
      await b.order("system", "emit", null, "mark of b");
      const clients = Object.entries(all);
      await expect
        .poll(() =>
          clients.every(
            ([, one]) =>
              !one.socket.connected ||
              one.got.filter((event) => event.startsWith("mark")).length === 2,
          ),
        )
        .toBe(true);
      return Object.fromEntries(
        clients.map(([name, one]) => [
          name,
          one.got.splice(0).filter((event) => !event.startsWith("mark")),
        ]),
      );
    };
    return { ...all, got };
  };

  test("a broadcast reaches both servers' sockets of the tenant and no other's", async () => {
    const { got } = await four();
    await a.order("acme", "emit", null, "to all");
    await b.order("acme", "emit", "news", "to the room");
    await a.order("globex", "emit", "news", "for globex");
    expect(await a.order("none", "emit", null, "nobody's")).toBe("PW_NO_SCOPE");
    expect(await a.order("central", "emit", "news", "nobody's")).toBe("PW_CENTRAL_SCOPE");
    const told = await got();
    expect(told["acmeA"]?.toSorted()).toEqual(["to all", "to the room"]);
    expect(told["acmeB"]?.toSorted()).toEqual(["to all", "to the room"]);
    expect(told["globexA"]).toEqual(["for globex"]);
    expect(told["globexB"]).toEqual(["for globex"]);
  });

  test("sockets are fetched, asked, moved and cut off within the tenant, on both servers", async () => {
    const { acmeA, acmeB, globexA, globexB, got } = await four();
    const fetched = (await a.order("acme", "fetch")) as {
      user: string;
      rooms: number;
      named: boolean;
    }[];
    expect(fetched.toSorted((x, y) => x.user.localeCompare(y.user))).toEqual([
      { user: "ada", named: true, rooms: 2 },
      { user: "bob", named: true, rooms: 2 },
    ]);
    expect(((await b.order("acme", "ask", "who")) as string[]).toSorted()).toEqual(["ada", "bob"]);
    expect(await b.order("system", "fetch")).toHaveLength(4);

    // What is asked for over Redis is done when it has come.
    const rooms = async () =>
      ((await b.order("acme", "fetch")) as typeof fetched).map((one) => [one.rooms, one.named]);
    await a.order("acme", "join", "moved");
    await expect.poll(rooms).toEqual([
      [3, true],
      [3, true],
    ]);
    await a.order("globex", "emit", "moved", "into another's room");
    await b.order("acme", "emit", "moved", "moved");
    await b.order("acme", "leave", "news");
    await expect.poll(rooms).toEqual([
      [2, false],
      [2, false],
    ]);
    await a.order("acme", "emit", "news", "who has left");
    await a.order("globex", "emit", "news", "who has not");
    expect(await got()).toEqual({
      acmeA: ["who", "moved"],
      acmeB: ["who", "moved"],
      globexA: ["who has not"],
      globexB: ["who has not"],
    });
    await a.order("acme", "disconnect", "moved");
    await expect
      .poll(() => [acmeA, acmeB, globexA, globexB].map(({ socket }) => socket.connected))
      .toEqual([false, false, true, true]);
  });

  test("an eviction on one server disconnects on the other, in namespaces that are only there too", async () => {
    const { acmeA, acmeB, globexA, globexB } = await four();
    const onlyOnB = await b.join("acme", "bob", "/dynamic-1");
    const states = () =>
      [acmeA, acmeB, onlyOnB, globexA, globexB].map(({ socket }) => socket.connected);
    expect(await a.order("globex", "evict", { tenant: "t-acme" })).toBe("PW_SCOPE_SWITCH");
    await a.order("globex", "evict", { principal: "bob" });
    await a.order("none", "evict", { tenant: "t-acme" });
    await expect.poll(states).toEqual([false, false, false, true, true]);
    await a.order("none", "evict", { principal: "gus" });
    await expect.poll(states).toEqual([false, false, false, true, false]);
  });

  test("what one server tells the others is heard in its scope, and answered in it", async () => {
    await a.order("acme", "between", "tenant's");
    await a.order("central", "between", "central");
    expect(await a.order("none", "between", "nobody's")).toBe("PW_NO_SCOPE");
    expect(await a.order("globex", "askBetween", "asked")).toEqual(["globex heard", "globex"]);
    const { heard } = (await b.order("none", "told")) as { heard: string[] };
    expect(heard).toEqual(["tenant's acme", "central central", "asked globex"]);
  });

  test("what comes from a server that is not wired is not heard, and the application told", async () => {
    const request = { uid: "forged", type: 6, data: ["between", "forged"] };
    await redis.command("publish", "socket.io-request#/#", JSON.stringify(request));
    await a.order("acme", "askBetween", "after it");
    const { heard, errors } = (await b.order("none", "told")) as Record<string, string[]>;
    expect(heard).toEqual(["after it acme"]);
    expect(errors).toEqual(["PW_CONFIG"]);
  });

  test("no client reaches what the servers tell each other", async () => {
    const { acmeA, got } = await four();
    for (const event of ["partywall:evict", "partywall:scope", "between"])
      acmeA.socket.emit(event, { tenantId: "t-globex" }, "between", "forged");
    expect(await got()).toEqual({ acmeA: [], acmeB: [], globexA: [], globexB: [] });
    for (const server of [a, b])
      // oxlint-disable-next-line no-await-in-loop -- two
      expect(await server.order("none", "told")).toMatchObject({ heard: [] });
  });
});
