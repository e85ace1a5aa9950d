import type { Partywall } from "partywall";
import { guardNodeRedis, type RedisGuardOptions } from "partywall/runtime/node-redis";
import { createClient, defineScript, type RedisClientOptions } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";
import { A, B, PREFIX_A, PREFIX_B, twoTenants } from "./two-tenants.js";

const refusal = (code: string) => expect.objectContaining({ code });
const LUA = "return redis.call('set', KEYS[1], ARGV[1])";
const put = defineScript({
  SCRIPT: LUA,
  NUMBER_OF_KEYS: 1,
  parseCommand(parser, key: string, value: string) {
    parser.pushKey(key);
    parser.push(value);
  },
  transformReply: (reply: unknown) => reply,
});

describeEngine("redis", "node-redis behind the wall", () => {
  let server: Redis;
  let pw: Partywall;
  const closing: { destroy(): void; readonly isOpen: boolean }[] = [];

  type Options = Omit<RedisClientOptions, "RESP"> & { readonly RESP?: 2 | 3 };
  const make = (options: Options = {}, guard: RedisGuardOptions = {}) => {
    const chosen = { url: server.url, ...options } as RedisClientOptions;
    const client = createClient({ ...chosen, scripts: { put } });
    client.on("error", () => {});
    closing.push(client);
    return guardNodeRedis(pw, client, guard);
  };
  const open = async (options: Options = {}, guard: RedisGuardOptions = {}) => {
    const client = make(options, guard);
    await client.connect();
    return client;
  };
  const keys = async () => ((await server.command("keys", "*")) as string[]).toSorted();

  beforeAll(async () => {
    server = await startRedis({ "notify-keyspace-events": "KEA" });
    pw = await twoTenants();
  });
  beforeEach(async () => {
    await server.command("flushall");
  });
  afterEach(() => {
    for (const client of closing.splice(0)) if (client.isOpen) client.destroy();
  });
  afterAll(async () => {
    await pw.close();
    await server.stop();
  });

  describe.each([2, 3] as const)("speaking RESP%i", (RESP) => {
    test("puts a tenant's keys under its own prefix, and reads no other's", async () => {
      const redis = await open({ RESP });
      await pw.run(A, () => redis.set("k", "of a"));
      await pw.run(B, () => redis.mSet({ k: "of b", l: "of b" }));
      await pw.central(() => redis.set("k", "of nobody"));
      expect(await keys()).toEqual(
        ["pw:default:central:k", `${PREFIX_A}k`, `${PREFIX_B}k`, `${PREFIX_B}l`].toSorted(),
      );
      expect(await pw.run(A, () => redis.mGet(["k", "l"]))).toEqual(["of a", null]);
      expect(await pw.run(A, () => redis.keys("*"))).toEqual(["k"]);
    });

    test("names in replies come back as they were asked for", async () => {
      const redis = await open({ RESP });
      await pw.run(A, async () => {
        await redis.rPush("list", ["x", "y"]);
        expect(await redis.blPop(["none", "list"], 1)).toEqual({ key: "list", element: "x" });
        await redis.zAdd("z", { score: 1, value: "m" });
        expect(await redis.zmPop("z", "MIN")).toMatchObject({ key: "z" });
        await redis.xAdd("stream", "1-1", { f: "v" });
        const read = await redis.xRead({ key: "stream", id: "0" });
        expect(read).toEqual([
          { name: "stream", messages: [expect.objectContaining({ id: "1-1" })] },
        ]);
        await redis.xGroupCreate("stream", "g", "0");
        const group = await redis.xReadGroup("g", "c", { key: "stream", id: ">" });
        expect(group).toEqual([
          { name: "stream", messages: [expect.objectContaining({ id: "1-1" })] },
        ]);
        const [found, error] = await redis
          .multi()
          .keys("*")
          .xRead({ key: "list", id: "0" })
          .exec()
          .catch((failed: { replies: unknown[] }) => failed.replies);
        expect(found).toEqual(expect.arrayContaining(["list", "stream"]));
        expect(String(error)).toContain("WRONGTYPE");
        const batch = () => redis.multi().xRead({ key: "stream", id: "0" }).get("none");
        expect(await batch().exec()).toEqual([read, null]);
        expect(await batch().execAsPipeline()).toEqual([read, null]);
      });
    });

    test.each(["*", "[", "?*", "\\", `${PREFIX_B}*`])(
      "cannot reach another tenant's keys with the pattern %j",
      async (pattern) => {
        const redis = await open({ RESP });
        await pw.run(B, () => redis.mSet({ k: "v", secret: "v" }));
        await pw.run(A, () => redis.set("mine", "v"));
        const found = await pw.run(A, async () => {
          const all = [...(await redis.keys(pattern))];
          for await (const some of redis.scanIterator({ MATCH: pattern })) all.push(...some);
          for await (const some of redis.scanIterator({ COUNT: 1000 })) all.push(...some);
          return all;
        });
        expect(new Set(found)).toEqual(new Set(["mine"]));
      },
    );

    test("a subscriber hears its own tenant, under the names it asked for and in its scope", async () => {
      const redis = await open({ RESP });
      const sender = await open();
      const heard: unknown[] = [];
      const listener = (message: string, channel: string) =>
        void heard.push([pw.current().id, channel, message]);
      await pw.run(A, () =>
        redis.subscribe(["news", "__keyspace@0__:k", `${PREFIX_B}news`], listener),
      );
      await pw.run(B, () => redis.pSubscribe("*", listener));
      await pw.run(B, () => redis.subscribe("other", listener));
      await pw.run(A, () => sender.publish("news", "to a"));
      await pw.run(A, () => sender.set("k", "v"));
      await pw.run(B, () => sender.publish("news", "to b"));
      await server.command("publish", "news", "to nobody");
      await expect
        .poll(() => heard)
        .toEqual([
          [A, "news", "to a"],
          [A, "__keyspace@0__:k", "set"],
          [B, "news", "to b"],
        ]);
      await pw.run(A, () => redis.unsubscribe());
      await server.command("client", "kill", "type", "pubsub");
      await expect.poll(() => server.command("pubsub", "numpat")).toBe(1);
      for (const tenant of [A, B]) await pw.run(tenant, () => sender.publish("news", "again"));
      await pw.run(B, () => sender.publish("other", "too"));
      await expect
        .poll(() => heard.slice(3))
        .toEqual([
          [B, "news", "again"],
          [B, "other", "too"],
          [B, "other", "too"],
        ]);
      await pw.run(B, () => redis.pUnsubscribe("*", listener));
      expect(await server.command("pubsub", "numpat")).toBe(0);
    });
  });

  test("sends nothing without a scope, however it is asked", async () => {
    const redis = await open();
    const outside = refusal("PW_NO_SCOPE");
    await expect(redis.set("k", "v")).rejects.toEqual(outside);
    await expect(redis.sendCommand(["SET", "k", "v"])).rejects.toEqual(outside);
    await expect(redis.withTypeMapping({}).set("k", "v")).rejects.toEqual(outside);
    expect(() => redis.multi()).toThrow(outside);
    await expect(redis.subscribe("c", () => {})).rejects.toEqual(outside);
    expect(await redis.ping()).toBe("PONG");
    expect(await keys()).toEqual([]);
  });

  test("refuses a system scope, unless the server as it is was asked for", async () => {
    const [redis, all] = [await open(), await open({}, { system: true })];
    await pw.run(A, () => redis.set("k", "v"));
    const reason = { reason: "a test" };
    await expect(pw.system(reason, () => redis.keys("*"))).rejects.toEqual(
      refusal("PW_CENTRAL_SCOPE"),
    );
    expect(await pw.system(reason, () => all.keys("*"))).toEqual([`${PREFIX_A}k`]);
  });

  test("refuses what reaches past the keys of the tenant", async () => {
    const redis = await open();
    await pw.run(B, () => redis.set("k", "v"));
    const chainId = Symbol("Socket Initiator");
    for (const call of <(() => Promise<unknown>)[]>[
      () => redis.flushAll(),
      () => redis.select(1),
      () => redis.randomKey(),
      () => redis.configSet("maxmemory", "1"),
      () => redis.clientList(),
      () => redis.clientKill({ filter: "TYPE", type: "normal" }),
      () => redis.sendCommand(["FlushAll"]),
      () => redis.eval(`return redis.call('get', '${PREFIX_B}k')`),
      () => redis.put("k", "v"),
      () => redis.monitor(() => {}),
      () => redis.reset(),
      () => redis.sendCommand(["CLIENT", "LIST"], { chainId }),
      () => redis.multi().set("k", "v").flushAll().exec(),
      () => redis.multi().set("k", "v").flushAll().execAsPipeline(),
    ])
      await expect(pw.run(A, call)).rejects.toEqual(refusal("PW_STATEMENT_REFUSED"));
    expect(() => redis.createPool()).toThrow(refusal("PW_STATEMENT_REFUSED"));
    expect(() => redis.getPubSubListeners("CHANNELS")).toThrow(refusal("PW_STATEMENT_REFUSED"));
    expect(await keys()).toEqual([`${PREFIX_B}k`]);
  });

  test("scripts run when they were vouched for, on the keys of the tenant", async () => {
    const redis = await open({}, { scripts: [LUA] });
    for (const tenant of [A, B]) {
      await pw.run(tenant, () => redis.put("k", tenant));
      await pw.run(tenant, () => redis.multi().put("l", tenant).exec());
      await server.command("script", "flush");
    }
    expect(await keys()).toEqual(
      [PREFIX_A, PREFIX_B].flatMap((of) => [`${of}k`, `${of}l`]).toSorted(),
    );
  });

  test("a batch belongs to the scope that began it", async () => {
    const redis = await open({}, { scripts: [LUA] });
    const multi = await pw.run(A, () => ({ of: redis.multi().set("k", "v") }));
    const foreign = refusal("PW_TRANSACTION_SCOPE");
    await expect(pw.run(B, () => multi.of.exec())).rejects.toEqual(foreign);
    await expect(multi.of.execAsPipeline()).rejects.toEqual(refusal("PW_NO_SCOPE"));
    for (const call of <(() => unknown)[]>[
      () => multi.of.set("l", "v"),
      () => multi.of.put("l", "v"),
      () => multi.of.sendCommand(["SET", "l", "v"]),
    ])
      await expect(pw.run(B, call)).rejects.toEqual(foreign);
    expect(await keys()).toEqual([]);
    expect(await pw.run(A, () => multi.of.get("k").exec())).toEqual(["OK", "v"]);
    expect(await keys()).toEqual([`${PREFIX_A}k`]);
  });

  test("cannot put a command into a transaction or a watch that another tenant has open", async () => {
    const redis = await open();
    for (const begin of <(() => Promise<unknown>)[]>[
      () => redis.sendCommand(["MULTI"]),
      () => redis.watch("k"),
    ]) {
      await pw.run(A, begin);
      for (const call of <(() => Promise<unknown>)[]>[
        () => redis.set("k", "b"),
        () => redis.sendCommand(["EXEC"]),
        () => redis.multi().set("k", "b").exec(),
      ])
        await expect(pw.run(B, call)).rejects.toEqual(refusal("PW_TRANSACTION_SCOPE"));
      await pw.run(A, () => redis.sendCommand(["EXEC"]).catch(() => redis.unwatch()));
      await pw.run(B, () => redis.get("k"));
    }
    expect(await keys()).toEqual([]);
  });

  test("what waits for the connection keeps the scope that issued it", async () => {
    const redis = make();
    const connected = pw.run(B, () => redis.connect());
    const waiting = [
      ...[A, B, A, B].map((tenant, n) => pw.run(tenant, () => redis.set(`k${n}`, tenant))),
      pw.run(A, () => redis.multi().set("l", A).get("l").exec()),
      redis.set("k", "nobody").catch((error: { code: string }) => error.code),
    ];
    expect((await Promise.all(waiting)).slice(4)).toEqual([["OK", A], "PW_NO_SCOPE"]);
    await connected;
    expect(await keys()).toEqual(
      [
        `${PREFIX_A}k0`,
        `${PREFIX_A}k2`,
        `${PREFIX_A}l`,
        `${PREFIX_B}k1`,
        `${PREFIX_B}k3`,
      ].toSorted(),
    );
  });

  test("many tenants at once on one connection are not taken for one another", async () => {
    const redis = await open();
    const rounds = Array.from({ length: 200 }, (_, n) => n);
    const of = (n: number) => (n % 2 ? A : B);
    await Promise.all(rounds.map((n) => pw.run(of(n), () => redis.set(`k${n}`, of(n)))));
    const read = await Promise.all(rounds.map((n) => pw.run(of(n), () => redis.get(`k${n}`))));
    expect(read).toEqual(rounds.map(of));
    expect(await pw.run(A, () => redis.get("k0"))).toBeNull();
  });

  test("a duplicate is behind the wall too", async () => {
    const copy = (await open()).duplicate().duplicate();
    closing.push(copy);
    await copy.connect();
    await pw.run(A, () => copy.set("k", "v"));
    await expect(copy.set("k", "v")).rejects.toEqual(refusal("PW_NO_SCOPE"));
    expect(await keys()).toEqual([`${PREFIX_A}k`]);
  });

  test("a client that cannot be guarded is refused at wiring", async () => {
    const wrong = refusal("PW_CONFIG");
    const redis = await open();
    expect(() => guardNodeRedis(pw, redis)).toThrow(wrong);
    expect(() =>
      make({ RESP: 3, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: "LRU" } }),
    ).toThrow(wrong);
    expect(() => make({ RESP: 3, emitInvalidate: true })).toThrow(wrong);
    const used = createClient({ url: server.url });
    closing.push(used);
    await used.connect();
    const early = used.set("k", "v");
    expect(() => guardNodeRedis(pw, used)).toThrow(wrong);
    await early;
  });

  test("connects with a name, a password and a database of its own", async () => {
    await server.command("acl", "setuser", "app", "on", ">pass", "~*", "&*", "+@all");
    for (const RESP of [2, 3] as const) {
      const redis = await open({
        RESP,
        username: "app",
        password: "pass",
        database: 1,
        name: "shop",
      });
      await pw.run(A, () => redis.set("k", "v"));
      expect(await pw.run(A, () => redis.get("k"))).toBe("v");
      expect(await server.command("client", "list")).toContain("name=shop");
    }
    expect(await keys()).toEqual([]);
  });
});
