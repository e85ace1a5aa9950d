import KeyvRedis from "@keyv/redis";
import { Cacheable, CacheableSync } from "cacheable";
import { Keyv } from "keyv";
import type { Partywall } from "partywall";
import { guardCacheable } from "partywall/runtime/cacheable";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";
import { A, B, PREFIX_A, PREFIX_B, twoTenants } from "../redis/two-tenants.js";

const refusal = (code: string) => expect.objectContaining({ code });
const later = () => new Promise<void>((done) => setImmediate(done));

function conformance(secondary: () => Keyv | undefined, nonBlocking: boolean) {
  let pw: Partywall;
  let cache: Cacheable;

  beforeAll(async () => {
    pw = await twoTenants();
  });
  afterAll(async () => pw.close());
  beforeEach(() => {
    const second = secondary();
    cache = guardCacheable(
      pw,
      new Cacheable({ nonBlocking, tags: true, ...(second && { secondary: second }) }),
    );
  });
  afterEach(async () => cache.disconnect());

  test("keeps the values of tenants apart, in both layers", async () => {
    for (const tenant of [A, B]) {
      await pw.run(tenant, () => cache.set("k", tenant));
      await pw.run(tenant, () => cache.setMany([{ key: "l", value: tenant }]));
    }
    expect(await pw.run(A, () => cache.getMany(["k", "l"]))).toEqual([A, A]);
    expect(await pw.run(B, () => cache.get("k"))).toBe(B);
    expect(await pw.run(A, () => cache.take("k"))).toBe(A);
    expect(await pw.run(A, () => cache.has("k"))).toBe(false);
    expect(await pw.run(B, () => cache.hasMany(["k", "l"]))).toEqual([true, true]);
    await pw.run(A, () => cache.clear());
    expect(await pw.run(A, () => cache.get("l"))).toBeUndefined();
    expect(await pw.run(B, () => cache.get("l"))).toBe(B);
  });

  test("callers at the same time share a computation with their own tenant only", async () => {
    let computed = 0;
    const compute = async () => {
      computed += 1;
      await later();
      return pw.current().id;
    };
    const ask = (tenant: string) => pw.run(tenant, () => cache.getOrSet("report", compute));
    expect(await Promise.all([A, B, A, B].map(ask))).toEqual([A, B, A, B]);
    expect(computed).toBe(2);
  });

  test("a wrapped function is remembered for each tenant, wherever it was wrapped", async () => {
    let computed = 0;
    const report = async (month: number) => {
      computed += 1;
      await later();
      return `${pw.current().id} ${month}`;
    };
    const wrapped = cache.wrap(report, { ttl: "1h" });
    const insideA = await pw.run(A, () => ({
      wrapped: cache.wrap(report, { ttl: "1h", keyPrefix: "x" }),
    }));
    for (const one of [wrapped, insideA.wrapped]) {
      const ask = (tenant: string) => pw.run(tenant, () => one(1));
      expect(await Promise.all([A, B, A, B].map(ask))).toEqual([
        `${A} 1`,
        `${B} 1`,
        `${A} 1`,
        `${B} 1`,
      ]);
      expect(await ask(B)).toBe(`${B} 1`);
      await expect(one(1)).rejects.toEqual(refusal("PW_NO_SCOPE"));
    }
    expect(computed).toBe(4);
  });

  test("a tag is the tenant's", async () => {
    for (const tenant of [A, B])
      await pw.run(tenant, () => cache.set("k", tenant, { tags: ["t"] }));
    await pw.run(A, () => cache.tags.invalidateTag("t"));
    expect(await pw.run(A, () => cache.get("k"))).toBeUndefined();
    expect(await pw.run(B, () => cache.get("k"))).toBe(B);
  });

  test("refuses every method outside a scope, where Cacheable would only emit an error", async () => {
    for (const call of <(() => Promise<unknown>)[]>[
      () => cache.get("k"),
      () => cache.getMany(["k"]),
      () => cache.getRaw("k"),
      () => cache.set("k", 1),
      () => cache.setMany([{ key: "k", value: 1 }]),
      () => cache.take("k"),
      () => cache.has("k"),
      () => cache.delete("k"),
      () => cache.deleteMany(["k"]),
      () => cache.clear(),
      () => cache.getOrSet("k", async () => 1),
    ])
      await expect(call()).rejects.toEqual(refusal("PW_NO_SCOPE"));
  });

  test("a store that is put in later is behind the wall too", async () => {
    const store = new Map<string, unknown>();
    cache.setPrimary(new Keyv({ store }));
    await pw.run(A, () => cache.set("k", "v"));
    expect([...store.keys()].filter((key) => !key.startsWith(PREFIX_A))).toEqual([]);
    cache.primary = new Keyv({ store });
    await pw.run(B, () => cache.set("k", "v"));
    expect([...store.keys()].filter((key) => key.endsWith("keyv:k"))).toEqual([
      `${PREFIX_A}keyv:k`,
      `${PREFIX_B}keyv:k`,
    ]);
  });
}

describe("Cacheable in memory", () => {
  conformance(() => undefined, false);

  test("refuses sync, which names no tenant", async () => {
    const pw = await twoTenants();
    const sync = { qified: [] };
    expect(() => guardCacheable(pw, new Cacheable({ sync }))).toThrow(refusal("PW_CONFIG"));
    const cache = guardCacheable(pw, new Cacheable());
    expect(() => {
      cache.sync = new CacheableSync(sync);
    }).toThrow(refusal("PW_CONFIG"));
    await pw.close();
  });
});

describeEngine("redis", "Cacheable in memory and Redis", () => {
  let server: Redis;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    await server.command("flushall");
  });
  afterAll(async () => server.stop());
  conformance(() => new Keyv({ store: new KeyvRedis(server.url) }), false);
});
