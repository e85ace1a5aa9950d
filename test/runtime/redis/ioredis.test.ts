import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Cluster, Pipeline, Redis as Native, type RedisOptions } from "ioredis";
import type { Partywall } from "partywall";
import { guardIoredis, type RedisGuardOptions } from "partywall/runtime/ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";
import { A, B, PREFIX_A, PREFIX_B, twoTenants } from "./two-tenants.js";

const refusal = (code: string) => expect.objectContaining({ code });

describeEngine("redis", "ioredis behind the wall", () => {
  let server: Redis;
  let pw: Partywall;
  let redis: Native;
  const clients: Native[] = [];

  const open = (options: RedisOptions = {}, guard: RedisGuardOptions = {}): Native => {
    const made = guardIoredis(pw, new Native(server.port, { ...options }), guard);
    clients.push(made);
    return made;
  };
  const keys = async () => ((await server.command("keys", "*")) as string[]).toSorted();

  beforeAll(async () => {
    server = await startRedis({ "notify-keyspace-events": "KEA" });
    pw = await twoTenants();
  });
  beforeEach(async () => {
    await server.command("flushall");
    redis = open();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(async () => {
    await pw.close();
    await server.stop();
  });

  test("puts a tenant's keys under its own prefix, and reads no other's", async () => {
    await pw.run(A, () => redis.set("k", "of a"));
    await pw.run(B, () => redis.mset({ k: "of b", l: "of b" }));
    await pw.central(() => redis.set("k", "of nobody"));
    expect(await keys()).toEqual(
      ["pw:default:central:k", `${PREFIX_A}k`, `${PREFIX_B}k`, `${PREFIX_B}l`].toSorted(),
    );
    expect(await pw.run(A, () => redis.mget("k", "l"))).toEqual(["of a", null]);
    expect(await pw.central(() => redis.get("k"))).toBe("of nobody");
  });

  test("sends nothing without a scope, however it is asked", async () => {
    const outside = refusal("PW_NO_SCOPE");
    await expect(redis.set("k", "v")).rejects.toEqual(outside);
    await expect(redis.call("SET", "k", "v")).rejects.toEqual(outside);
    await expect(new Promise((_, no) => void redis.set("k", "v", no))).rejects.toEqual(outside);
    expect(() => redis.pipeline().set("k", "v")).toThrow(outside);
    expect(() => redis.multi()).toThrow(outside);
    await expect(once(redis.scanStream(), "data")).rejects.toEqual(outside);
    await expect(redis.subscribe("c")).rejects.toEqual(outside);
    expect(await redis.ping()).toBe("PONG");
    expect(await keys()).toEqual([]);
  });

  test("hands on what the server refuses, in a transaction too, as the error that it is", async () => {
    const seen = await pw.run(A, async () => {
      await redis.set("text", "v");
      const [alone, results] = [
        await redis.xread("STREAMS", "text", "0").catch((error: Error) => error),
        await redis.multi().xread("STREAMS", "text", "0").blpop("text", 0).keys("*").exec(),
      ];
      return [alone, ...(results ?? []).map(([error, value]) => error ?? value)];
    });
    const wrongType = expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE/) });
    expect(seen).toEqual([wrongType, wrongType, wrongType, ["text"]]);
  });

  test("refuses a system scope, unless the server as it is was asked for", async () => {
    await pw.run(A, () => redis.set("k", "v"));
    const reason = { reason: "a test" };
    await expect(pw.system(reason, () => redis.keys("*"))).rejects.toEqual(
      refusal("PW_CENTRAL_SCOPE"),
    );
    const all = open({}, { system: true });
    expect(await pw.system(reason, () => all.keys("*"))).toEqual([`${PREFIX_A}k`]);
    await pw.system(reason, () => all.flushall());
    expect(await keys()).toEqual([]);
  });

  test.each(["}:x", "{x}", ":", "", "*", "\0", "\r\nDEL k", "ключ", "..", `${PREFIX_B}k`])(
    "keeps the key %j within the tenant",
    async (key) => {
      await pw.run(B, () => redis.set("k", "of b"));
      await pw.run(A, () => redis.set(key, "of a"));
      await pw.run(A, () => redis.set(Buffer.from([0xff, 0xfe, 0x00]), "bytes"));
      expect(await server.command("get", `${PREFIX_B}k`)).toBe("of b");
      expect(await server.command("get", PREFIX_A + key)).toBe("of a");
      const found = await pw.run(A, () => redis.keysBuffer("*"));
      expect(found.map((one) => one.toString("hex")).toSorted()).toEqual(
        [Buffer.from(key).toString("hex"), "fffe00"].toSorted(),
      );
    },
  );

  test.each(["*", "[", "?*", "\\", "*}:*", "[^x]*", `${PREFIX_B}*`, "../*"])(
    "cannot reach another tenant's keys with the pattern %j",
    async (pattern) => {
      await pw.run(B, () => redis.mset({ k: "v", l: "v", secret: "v" }));
      await pw.run(A, () => redis.set("mine", "v"));
      const found = await pw.run(A, async () => [
        ...(await redis.keys(pattern)),
        ...(await redis.scan(0, "MATCH", pattern, "COUNT", 1000))[1],
        ...(
          (await redis.call("SCAN", 0, "match", "x", "MATCH", pattern, "COUNT", 1000)) as string[][]
        )[1]!,
        ...(await redis.scan(0, "COUNT", 1000))[1],
      ]);
      expect(new Set(found)).toEqual(new Set(["mine"]));
    },
  );

  test("streams a scan of the tenant alone", async () => {
    await pw.run(B, () =>
      redis.mset(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`b${n}`, "v"]))),
    );
    await pw.run(A, () => redis.mset({ k: "v", l: "v" }));
    const found = await pw.run(A, async () => {
      const all: string[] = [];
      for await (const some of redis.scanStream({ count: 10 })) all.push(...(some as string[]));
      return all;
    });
    expect(found.toSorted()).toEqual(["k", "l"]);
  });

  test("refuses what reaches past the keys of the tenant", async () => {
    await pw.run(B, () => redis.set("k", "v"));
    for (const call of [
      () => redis.flushall(),
      () => redis.flushdb(),
      () => redis.select(1),
      () => redis.swapdb(0, 1),
      () => redis.randomkey(),
      () => redis.config("SET", "maxmemory", "1"),
      () => redis.client("LIST"),
      () => redis.call("FlushAll"),
      () => redis.eval(`return redis.call('get', '${PREFIX_B}k')`, 0),
      () => redis.script("FLUSH"),
      () => redis.move("k", 1),
      () => redis.info(),
    ])
      await expect(pw.run(A, call)).rejects.toEqual(refusal("PW_STATEMENT_REFUSED"));
    await expect(pw.run(A, () => redis.monitor())).rejects.toEqual(refusal("PW_CONFIG"));
    expect(await server.command("client", "list")).not.toContain("cmd=monitor");
    expect(await keys()).toEqual([`${PREFIX_B}k`]);
  });

  test("SORT reads only keys of the tenant through BY and GET", async () => {
    await pw.run(B, () => redis.set("weight_1", "of b"));
    await pw.run(A, async () => {
      await redis.rpush("list", "1", "2");
      await redis.set("weight_1", "of a");
      expect(await redis.sort("list", "BY", "nosort", "GET", "weight_*", "GET", "#")).toEqual([
        "of a",
        "1",
        null,
        "2",
      ]);
      await redis.rpush("names", `${PREFIX_B}weight_1`);
      expect(await redis.sort("names", "BY", "nosort", "GET", "*")).toEqual([null]);
      await redis.sort("list", "STORE", "sorted");
    });
    expect(await server.command("llen", `${PREFIX_A}sorted`)).toBe(2);
  });

  test("names in replies come back as they were asked for", async () => {
    await pw.run(A, async () => {
      await redis.rpush("list", "x", "y");
      expect(await redis.blpop("none", "list", 1)).toEqual(["list", "x"]);
      expect(await redis.lmpop(1, "list", "LEFT")).toEqual(["list", ["y"]]);
      await redis.xadd("stream", "1-1", "f", "v");
      expect(await redis.xread("STREAMS", "stream", "0")).toEqual([
        ["stream", [["1-1", ["f", "v"]]]],
      ]);
      await redis.xgroup("CREATE", "stream", "g", "0");
      const read = await redis.callBuffer(
        "XREADGROUP",
        "GROUP",
        "g",
        "c",
        "STREAMS",
        "stream",
        ">",
      );
      expect(String((read as Buffer[][])[0]![0])).toBe("stream");
      expect(await redis.multi().keys("*").xread("STREAMS", "stream", "0").exec()).toEqual([
        [null, ["stream"]],
        [null, [["stream", [["1-1", ["f", "v"]]]]]],
      ]);
    });
  });

  test("scripts run when they were vouched for, on the keys of the tenant", async () => {
    const lua = "return redis.call('set', KEYS[1], ARGV[1])";
    const scripted = open({ scripts: { put: { lua, numberOfKeys: 1 } } }, { scripts: [lua] });
    type Put = { put(key: string, value: string): Promise<string> };
    for (const tenant of [A, B, A]) {
      await pw.run(tenant, () => (scripted as unknown as Put).put("k", tenant));
      await pw.run(tenant, () => scripted.pipeline([["put", "l", tenant]]).exec());
    }
    await server.command("script", "flush");
    await pw.run(B, () => (scripted as unknown as Put).put("again", B));
    expect(await keys()).toEqual(
      [PREFIX_A, PREFIX_B]
        .flatMap((of) => [`${of}k`, `${of}l`])
        .concat(`${PREFIX_B}again`)
        .toSorted(),
    );
    expect(await server.command("get", `${PREFIX_A}k`)).toBe(A);
    await expect(pw.run(A, () => scripted.eval("return 1", 0))).rejects.toEqual(
      refusal("PW_STATEMENT_REFUSED"),
    );
  });

  test("a pipeline belongs to the scope that built it", async () => {
    const pipeline = await pw.run(A, () => ({ of: redis.pipeline().set("k", "v") }));
    const foreign = refusal("PW_TRANSACTION_SCOPE");
    await expect(pw.run(B, () => pipeline.of.exec())).rejects.toEqual(foreign);
    await expect(pipeline.of.exec()).rejects.toEqual(refusal("PW_NO_SCOPE"));
    await expect(pw.run(B, () => pipeline.of.set("l", "v").exec())).rejects.toEqual(foreign);
    expect(await keys()).toEqual([]);
    // A refusal spoils it: half of it is nothing anybody asked for.
    await expect(pw.run(A, () => pipeline.of.exec())).rejects.toEqual(foreign);
    expect(await keys()).toEqual([]);
  });

  test("a transaction with one command that is refused is not sent at all", async () => {
    await pw.run(A, async () => {
      const multi = redis.multi().set("k", "v");
      expect(() => multi.flushall()).toThrow(refusal("PW_STATEMENT_REFUSED"));
      await expect(multi.exec()).rejects.toEqual(refusal("PW_STATEMENT_REFUSED"));
      await expect(new Promise((_, no) => void multi.exec(no))).rejects.toEqual(
        refusal("PW_STATEMENT_REFUSED"),
      );
    });
    expect(await keys()).toEqual([]);
  });

  test("two tenants' transactions at once stay two", async () => {
    const [ofA, ofB] = await Promise.all(
      [A, B].map((tenant) => pw.run(tenant, () => redis.multi().set("k", tenant).get("k").exec())),
    );
    expect(ofA).toEqual([
      [null, "OK"],
      [null, A],
    ]);
    expect(ofB).toEqual([
      [null, "OK"],
      [null, B],
    ]);
  });

  test("cannot put a command into a transaction or a watch that another tenant has open", async () => {
    for (const begin of [() => redis.multi({ pipeline: false }), () => redis.watch("k")]) {
      await pw.run(A, begin);
      for (const call of <(() => unknown)[]>[
        () => redis.set("k", "b"),
        () => redis.exec(),
        () => redis.multi().set("k", "b").exec(),
      ])
        await expect(pw.run(B, call)).rejects.toEqual(refusal("PW_TRANSACTION_SCOPE"));
      await pw.run(A, () => redis.call("multi").catch(() => {}));
      await pw.run(A, () => redis.set("k", "a"));
      await pw.run(A, () => redis.exec());
      await pw.run(B, () => redis.get("k"));
    }
    expect(await keys()).toEqual([`${PREFIX_A}k`]);
  });

  test("autopipelining keeps each command with the scope that issued it", async () => {
    const auto = open({ enableAutoPipelining: true });
    const rounds = Array.from({ length: 200 }, (_, n) => n);
    await Promise.all(
      rounds.map((n) => pw.run(n % 2 ? A : B, () => auto.set(`k${n}`, n % 2 ? A : B))),
    );
    const read = await Promise.allSettled(
      rounds.map((n) =>
        n % 5 === 0
          ? auto.get(`k${n}`)
          : n % 7 === 0
            ? pw.run(A, () => auto.flushall())
            : pw.run(n % 2 ? A : B, () => auto.get(`k${n}`)),
      ),
    );
    read.forEach((outcome, n) => {
      if (n % 5 === 0) expect(outcome).toMatchObject({ reason: refusal("PW_NO_SCOPE") });
      else if (n % 7 === 0)
        expect(outcome).toMatchObject({ reason: refusal("PW_STATEMENT_REFUSED") });
      else expect(outcome).toEqual({ status: "fulfilled", value: n % 2 ? A : B });
    });
    expect((await keys()).filter((key) => key.startsWith(PREFIX_A))).toHaveLength(100);
    await expect(pw.run(A, () => auto.watch("k"))).rejects.toEqual(refusal("PW_STATEMENT_REFUSED"));
  });

  test("what waits for the connection keeps the scope that issued it", async () => {
    const lazy = open({ lazyConnect: true });
    // Node.js hands the context of whoever connects to every event of the connection.
    const waiting = [
      pw.run(A, () => lazy.set("k", A)),
      pw.run(B, () => lazy.set("k", B)),
      pw.run(A, () => lazy.pipeline().set("l", A).get("k").exec()),
      pw.run(B, () => lazy.multi().get("k").exec()),
      lazy.set("k", "nobody").catch((error: { code: string }) => error.code),
    ];
    expect((await Promise.all(waiting)).slice(2)).toEqual([
      [
        [null, "OK"],
        [null, A],
      ],
      [[null, B]],
      "PW_NO_SCOPE",
    ]);
    expect(await keys()).toEqual([`${PREFIX_A}k`, `${PREFIX_A}l`, `${PREFIX_B}k`].toSorted());
  });

  test("commands cut off by a lost connection are sent again under their own prefix", async () => {
    await pw.run(A, () => redis.set("warm", "up"));
    const blocked = pw.run(A, () => redis.blpop("list", 0));
    await server.command("client", "kill", "type", "normal");
    await server.command("rpush", `${PREFIX_B}list`, "of b");
    await server.command("rpush", `${PREFIX_A}list`, "of a");
    expect(await blocked).toEqual(["list", "of a"]);
  });

  test("a duplicate is behind the wall too", async () => {
    const copy = redis.duplicate().duplicate();
    clients.push(copy);
    await pw.run(A, () => copy.set("k", "v"));
    await expect(copy.set("k", "v")).rejects.toEqual(refusal("PW_NO_SCOPE"));
    expect(await keys()).toEqual([`${PREFIX_A}k`]);
  });

  test("a subscriber hears its own tenant, under the names it asked for and in its scope", async () => {
    const heard: unknown[] = [];
    const tell =
      (listener: string) =>
      (...message: unknown[]) =>
        heard.push([listener, pw.current().id, ...message.map(String)]);
    redis.on("message", tell("outside"));
    redis.on("pmessage", tell("outside"));
    await pw.run(A, async () => {
      await redis.subscribe("news", "__keyspace@0__:k");
      redis.on("message", tell("a"));
    });
    await pw.run(B, async () => {
      await redis.psubscribe("*");
      redis.on("message", tell("b"));
      redis.once("pmessage", tell("b once"));
    });
    const sender = open();
    await pw.run(A, () => sender.publish("news", "to a"));
    await pw.run(A, () => sender.set("k", "v"));
    await pw.run(B, () => sender.publish("news", "to b"));
    await pw.run(B, () => sender.publish("news", "again"));
    await server.command("publish", "news", "to nobody");
    await pw.run(A, () => redis.ping());
    expect(heard).toEqual([
      ["outside", A, "news", "to a"],
      ["a", A, "news", "to a"],
      ["outside", A, "__keyspace@0__:k", "set"],
      ["a", A, "__keyspace@0__:k", "set"],
      ["outside", B, "*", "news", "to b"],
      ["b once", B, "*", "news", "to b"],
      ["outside", B, "*", "news", "again"],
    ]);
    expect(await pw.run(A, () => sender.pubsub("CHANNELS"))).toEqual(["news"]);
    expect(await pw.run(B, () => sender.pubsub("NUMSUB", "news"))).toEqual(["news", 0]);
  });

  test("an unsubscription without names ends the tenant's own only", async () => {
    const heard: string[] = [];
    redis.on("message", (channel, message) => heard.push(pw.current().id + channel + message));
    await pw.run(A, () => redis.subscribe("x", "y"));
    await pw.run(B, () => redis.subscribe("x"));
    await pw.run(A, () => redis.unsubscribe());
    const sender = open();
    for (const tenant of [A, B]) await pw.run(tenant, () => sender.publish("x", "!"));
    await pw.run(B, () => redis.ping());
    expect(heard).toEqual([`${B}x!`]);
  });

  test("subscriptions outlive a lost connection, each for its own tenant", async () => {
    const heard: string[] = [];
    for (const tenant of [A, B]) await pw.run(tenant, () => redis.subscribe("x"));
    redis.on("message", (channel, message) => heard.push(pw.current().id + channel + message));
    const again = once(redis, "ready");
    await server.command("client", "kill", "type", "pubsub");
    await again;
    const sender = open();
    await expect
      .poll(() => server.command("pubsub", "channels"))
      .toEqual(expect.arrayContaining([`${PREFIX_A}x`, `${PREFIX_B}x`]));
    for (const tenant of [A, B]) await pw.run(tenant, () => sender.publish("x", "!"));
    await expect.poll(() => heard).toEqual([`${A}x!`, `${B}x!`]);
  });

  test("cannot subscribe to another tenant by the name the server knows", async () => {
    const heard: unknown[] = [];
    await pw.run(B, () => redis.subscribe("x"));
    await pw.run(A, async () => {
      await redis.subscribe(`${PREFIX_B}x`);
      redis.on("message", (...message) => heard.push(message));
    });
    await pw.run(B, () => open().publish("x", "secret"));
    await pw.run(A, () => redis.ping());
    expect(heard).toEqual([]);
  });

  test("a pipeline made around the guard is not sent", async () => {
    const bare = new Pipeline(redis);
    expect(await pw.run(A, () => bare.set("k", "v").exec())).toEqual([
      [refusal("PW_STATEMENT_REFUSED")],
    ]);
    expect(await keys()).toEqual([]);
  });

  test("the scope is that of the call, wherever the client was made", async () => {
    const other = new AsyncLocalStorage<string>();
    const made = await pw.run(B, () => ({ client: open() }));
    await other.run("x", () => pw.run(A, () => made.client.set("k", "v")));
    expect(await keys()).toEqual([`${PREFIX_A}k`]);
  });

  test("works as the ACL user that the docs give it, whom the server keeps to the realm", async () => {
    const page = await readFile(
      new URL("../../../docs/runtime/ioredis.md", import.meta.url),
      "utf8",
    );
    const rule = /^ACL SETUSER .*$/m.exec(page)![0].replace("<password>", "pass");
    await server.command(...rule.split(" "));
    const own = open({ username: "app", password: "pass" });
    await pw.run(A, async () => {
      await own.multi().set("k", "v").sadd("s", "1").exec();
      expect((await own.keys("*")).toSorted()).toEqual(["k", "s"]);
      expect(await own.sort("s")).toEqual(["1"]);
      await own.subscribe("c", "__keyspace@0__:k");
    });
    const bare = new Native(server.port, { username: "app", password: "pass" });
    clients.push(bare);
    for (const call of [
      () => bare.get("k"),
      () => bare.flushall(),
      () => bare.psubscribe("*"),
      () => bare.config("GET", "*"),
    ])
      await expect(call()).rejects.toThrow("NOPERM");
  });

  test("a client that cannot be guarded is refused at wiring", async () => {
    const cluster = new Cluster([{ port: server.port }], { lazyConnect: true });
    expect(() => guardIoredis(pw, cluster)).toThrow(refusal("PW_CONFIG"));
    expect(() => guardIoredis(pw, redis)).toThrow(refusal("PW_CONFIG"));
    const used = new Native(server.port);
    clients.push(used);
    const early = used.set("k", "v");
    expect(() => guardIoredis(pw, used)).toThrow(refusal("PW_CONFIG"));
    await early;
    const odd = { script: true } as RedisGuardOptions;
    expect(() => open({}, odd)).toThrow(refusal("PW_CONFIG"));
  });
});
