import { afterAll, beforeAll, expect, it } from "vitest";
import { describeEngine } from "../support/engine.js";
import { startRedis, type Redis } from "../support/redis.js";

describeEngine("redis", "the tests' own view of Redis", () => {
  let redis: Redis;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis.stop());

  it("gives text, numbers, null and lists as the server has them, and its errors", async () => {
    expect(await redis.command("set", "k", "a\r\nb €")).toBe("OK");
    expect(await redis.command("get", "k")).toBe("a\r\nb €");
    expect(await redis.command("get", "none")).toBeNull();
    expect(await redis.command("incr", "n")).toBe(1);
    expect(await redis.command("mget", "k", "none", "n")).toEqual(["a\r\nb €", null, "1"]);
    await expect(redis.command("nonsense")).rejects.toThrow(/unknown command/);
  });
});
