import { Command } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMMANDS } from "../../../src/runtime/redis/commands.js";
import { keyspaceOf } from "../../../src/runtime/redis/keyspace.js";
import { rewrite } from "../../../src/runtime/redis/rewrite.js";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";
import { KEYLESS, NEWER_SAMPLES, SAMPLES } from "./samples.js";

const space = keyspaceOf(
  "default",
  { kind: "central", realm: "default", parent: undefined },
  false,
)!;

describeEngine("redis", "the table of commands", () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis.stop());

  const keysOf = (call: string): string[] => {
    const [name = "", ...args] = call.split(" ");
    const { args: moved } = rewrite(space, name, args, { scripts: true });
    return moved.map(String).filter((arg) => arg.startsWith(space.prefix));
  };

  test.each(SAMPLES)("prefixes exactly the keys that the server finds in %s", async (call) => {
    const found = await redis.command("command", "getkeys", ...call.split(" "));
    const own = keysOf(call).map((key) => key.slice(space.prefix.length));
    expect(own.toSorted()).toEqual([...(found as string[])].toSorted());
    expect(own.length).toBeGreaterThan(0);
  });

  test.each(NEWER_SAMPLES)("prefixes exactly the keys that ioredis finds in %s", (call) => {
    const [name = "", ...args] = call.split(" ");
    expect(keysOf(call)).toEqual(
      new Command(name, args).getKeys().map((key) => space.prefix + String(key)),
    );
  });

  test("has a sample of every command", () => {
    const sampled = [...SAMPLES, ...NEWER_SAMPLES].map((call) => call.split(" ")[0]);
    expect([...COMMANDS.keys()].filter((name) => !KEYLESS.includes(name)).toSorted()).toEqual(
      [...new Set(sampled.map(String))].toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });

  test("names no command that reaches past a tenant's keys", async () => {
    const known = (await redis.command("command", "list")) as string[];
    // What this server offers and the wall refuses; a change of either is looked at here.
    expect(known.filter((name) => !COMMANDS.has(name) && !name.includes("|")).toSorted()).toEqual(
      (
        "acl asking auth bgrewriteaof bgsave client cluster command config dbsize debug failover flushall flushdb function " +
        "hello info lastsave latency lolwut migrate module monitor move pfdebug pfselftest psync randomkey readonly readwrite " +
        "replconf replicaof reset restore restore-asking role save select shutdown slaveof slowlog swapdb sync"
      ).split(" "),
    );
  });

  test.each([
    "flushall",
    "flushdb",
    "swapdb 0 1",
    "select 1",
    "move k 1",
    "config get *",
    "client list",
    "debug sleep 0",
    "monitor",
    "migrate h 1 k 0 1",
    "restore k 0 x",
    "randomkey",
    "dbsize",
    "info",
    "acl list",
    "function list",
    "script flush",
    "script kill",
    "object help",
    "object freq2 k",
    "memory stats",
    "xinfo help",
    "pubsub numpat",
    "copy a b DB 1",
    "copy a b REPLACE db 1",
    "zunion 2 a",
    "zunion +1 a",
    "zunion 01 a",
    "zunion -1 a",
    "eval x 9 a",
    "xread STREAMS a b c",
    "xread COUNT streams a 0",
    "xreadgroup GROUP g STREAMS k >",
    "scan 0 MATCH",
    "scan 0 EVERY x",
    "keys a b",
    "sort k PREFIX x",
    "subscribe __keyevent@0__:del",
    "psubscribe __key*",
    "psubscribe __keyspace@*__:x",
    "publish __keyspace@0__:x del",
    "get\r\nflushall k",
    "__proto__",
    "constructor",
  ])("refuses %s", (call) => {
    const [name = "", ...args] = call.split(" ");
    expect(() => rewrite(space, name, args, { scripts: true })).toThrow(
      expect.objectContaining({ code: "PW_STATEMENT_REFUSED" }),
    );
  });

  test("sends no script that nobody vouched for", () => {
    const of =
      (name: string, ...args: string[]) =>
      () =>
        rewrite(space, name, args, {
          scripts: new Set(["e0e1f9fabfc9d4800c877a703b823ac0578ff8db"]),
        });
    expect(of("eval", "return 1", "0")).not.toThrow();
    expect(of("evalsha", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "0")).not.toThrow();
    for (const call of [
      of("eval", "return 2", "0"),
      of("evalsha", "a".repeat(40), "0"),
      of("script", "load", "return 2"),
      of("fcall", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"),
    ])
      expect(call).toThrow(expect.objectContaining({ code: "PW_STATEMENT_REFUSED" }));
  });
});
