import KeyvRedis from "@keyv/redis";
import { createKeyv } from "cacheable";
import { Keyv } from "keyv";
import type { Partywall } from "partywall";
import { guardKeyv } from "partywall/runtime/keyv";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { startRedis, type Redis } from "../../support/redis.js";
import { A, B, PREFIX_A, PREFIX_B, twoTenants } from "../redis/two-tenants.js";

const refusal = (code: string) => expect.objectContaining({ code });

interface Made {
  readonly keyv: Keyv;
  /** What is really stored. */
  keys(): Promise<string[]>;
}

/** What every store has to keep apart. */
function conformance(make: () => Made, options: { readonly iterates: boolean }) {
  let pw: Partywall;
  let keyv: Keyv;
  let keys: Made["keys"];

  beforeAll(async () => {
    pw = await twoTenants();
  });
  afterAll(async () => pw.close());
  beforeEach(() => {
    ({ keyv, keys } = make());
    guardKeyv(pw, keyv);
  });

  test("keeps the values of tenants apart", async () => {
    for (const tenant of [A, B]) {
      await pw.run(tenant, async () => {
        await keyv.set("k", tenant);
        await keyv.setMany([
          { key: "l", value: tenant },
          { key: "m", value: tenant },
        ]);
      });
    }
    await pw.run(A, () => keyv.deleteMany(["l", "none"]));
    await pw.run(A, () => keyv.delete("m"));
    expect(await pw.run(A, () => keyv.get(["k", "l", "m"]))).toEqual([A, undefined, undefined]);
    expect(await pw.run(B, () => keyv.getMany(["k", "l", "m"]))).toEqual([B, B, B]);
    expect(await pw.run(A, () => keyv.has(["k", "l"]))).toEqual([true, false]);
    expect(await pw.run(A, () => keyv.has("k"))).toBe(true);
    expect(await pw.run(B, () => keyv.getRaw("k"))).toMatchObject({ value: B });
    expect(await pw.central(() => keyv.get("k"))).toBeUndefined();
    const stored = await keys();
    expect(stored.filter((key) => key.includes(PREFIX_A))).toHaveLength(1);
    expect(stored.filter((key) => key.includes(PREFIX_B))).toHaveLength(3);
  });

  test("cannot name another tenant's key", async () => {
    await pw.run(B, () => keyv.set("k", "of b"));
    for (const key of [`${PREFIX_B}k`, `keyv:${PREFIX_B}k`, `../${PREFIX_B}k`, `:${PREFIX_B}k`]) {
      expect(await pw.run(A, () => keyv.get(key))).toBeUndefined();
      await pw.run(A, () => keyv.set(key, "of a"));
      await pw.run(A, () => keyv.delete(key));
    }
    expect(await pw.run(B, () => keyv.get("k"))).toBe("of b");
  });

  test("clears the tenant's own only", async () => {
    for (const tenant of [A, B]) await pw.run(tenant, () => keyv.set("k", tenant));
    await pw.run(A, () => keyv.clear());
    expect(await pw.run(A, () => keyv.get("k"))).toBeUndefined();
    expect(await pw.run(B, () => keyv.get("k"))).toBe(B);
    expect(await keys()).toHaveLength(1);
  });

  test("refuses every method outside a scope, where Keyv would answer as an empty cache", async () => {
    const outside = refusal("PW_NO_SCOPE");
    const calls: (() => Promise<unknown>)[] = [
      () => keyv.get("k"),
      () => keyv.get(["k"]),
      () => keyv.getMany(["k"]),
      () => keyv.getRaw("k"),
      () => keyv.getManyRaw(["k"]),
      () => keyv.set("k", 1),
      () => keyv.setMany([{ key: "k", value: 1 }]),
      () => keyv.delete("k"),
      () => keyv.deleteMany(["k"]),
      () => keyv.has("k"),
      () => keyv.hasMany(["k"]),
      () => keyv.clear(),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toEqual(outside);
      await expect(pw.system({ reason: "a test" }, call)).rejects.toEqual(
        refusal("PW_CENTRAL_SCOPE"),
      );
    }
    expect(await keys()).toEqual([]);
  });

  if (!options.iterates) return;
  test("iterates over the tenant's own, and in one scope only", async () => {
    for (const tenant of [A, B])
      await pw.run(tenant, () =>
        keyv.setMany([
          { key: "k", value: tenant },
          { key: "l", value: tenant },
        ]),
      );
    const found = await pw.run(A, async () => {
      const all: unknown[] = [];
      for await (const entry of keyv.iterator!({})) all.push(entry);
      return all;
    });
    expect(found).toHaveLength(2);
    expect(new Map(found as [string, string][])).toEqual(
      new Map([
        ["k", A],
        ["l", A],
      ]),
    );
    expect(() => keyv.iterator!({})).toThrow(refusal("PW_NO_SCOPE"));
    const begun = await pw.run(A, async () => {
      const entries = keyv.iterator!({}) as AsyncGenerator;
      await entries.next();
      return { entries };
    });
    await expect(pw.run(B, () => begun.entries.next())).rejects.toEqual(
      refusal("PW_TRANSACTION_SCOPE"),
    );
  });
}

describe("Keyv over a Map", () => {
  const make = (): Made => {
    const store = new Map<string, unknown>();
    return { keyv: new Keyv({ store }), keys: async () => [...store.keys()] };
  };
  conformance(make, { iterates: true });

  test("a store that is put in later is behind the wall too", async () => {
    const pw = await twoTenants();
    const { keyv } = make();
    guardKeyv(pw, keyv);
    const store = new Map<string, unknown>();
    keyv.store = store;
    await pw.run(A, () => keyv.set("k", "v"));
    expect([...store.keys()]).toEqual([`${PREFIX_A}keyv:k`]);
    await pw.close();
  });

  test("is guarded once", async () => {
    const pw = await twoTenants();
    const { keyv, keys } = make();
    expect(guardKeyv(pw, guardKeyv(pw, keyv))).toBe(keyv);
    await pw.run(A, () => keyv.set("k", "v"));
    expect(await keys()).toEqual([`${PREFIX_A}keyv:k`]);
    await pw.close();
  });

  test("refuses to clear a store that cannot list its keys", async () => {
    const pw = await twoTenants();
    const map = new Map<string, unknown>();
    const store = {
      get: async (key: string) => map.get(key),
      set: async (key: string, value: unknown) => map.set(key, value),
      delete: async (key: string) => map.delete(key),
      clear: async () => map.clear(),
    };
    const keyv = guardKeyv(pw, new Keyv({ store: store as never }));
    await pw.run(B, () => keyv.set("k", "v"));
    await expect(pw.run(A, () => keyv.clear())).rejects.toEqual(refusal("PW_STATEMENT_REFUSED"));
    expect(map.size).toBe(1);
    await pw.close();
  });

  test("hooks and errors of a store are those of Keyv", async () => {
    const pw = await twoTenants();
    const { keyv } = make();
    const seen: unknown[] = [];
    guardKeyv(pw, keyv).hooks.addHandler("preSet", (data: unknown) =>
      seen.push([pw.current().id, (data as { key: string }).key]),
    );
    await pw.run(A, () => keyv.set("k", "v"));
    expect(seen).toEqual([[A, "k"]]);
    await pw.close();
  });
});

describe("Keyv over cacheable's memory", () => {
  conformance(
    () => {
      const keyv = createKeyv();
      const memory = keyv.store as { getStore(): { keys: Iterable<string> } };
      return { keyv, keys: async () => [...memory.getStore().keys] };
    },
    { iterates: false },
  );
});

describeEngine("redis", "Keyv over Redis", () => {
  let server: Redis;
  const opened: Keyv[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    await server.command("flushall");
  });
  afterAll(async () => {
    await Promise.all(opened.map(async (keyv) => keyv.disconnect()));
    await server.stop();
  });
  conformance(
    () => {
      const keyv = new Keyv({ store: new KeyvRedis(server.url) });
      opened.push(keyv);
      return { keyv, keys: async () => (await server.command("keys", "*")) as string[] };
    },
    { iterates: true },
  );
});
