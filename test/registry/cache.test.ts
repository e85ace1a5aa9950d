import { createPartywall, type PartywallOptions } from "partywall";
import {
  memoryStore,
  type RegistryInvalidation,
  type StoreKey,
  type TenantStore,
} from "partywall/registry";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { codeOf } from "../scope/instance.js";
import { record } from "./record.js";

let store: TenantStore;
let asked: StoreKey[];
/** Resolves the finds that are held back. */
let answer: (() => void)[];
let held: boolean;

beforeEach(async () => {
  vi.useFakeTimers();
  const memory = memoryStore();
  asked = [];
  answer = [];
  held = false;
  for (const id of ["acme", "globex", "umbra", "nova"])
    await memory.insert(record({ id, slug: id }));
  store = {
    ...memory,
    async find(key) {
      asked.push(key);
      const found = await memory.find(key);
      if (held) await new Promise<void>((resolve) => answer.push(resolve));
      return found;
    },
  };
});
afterEach(() => {
  vi.useRealTimers();
});

let instances = 0;
const open = (options: PartywallOptions = {}) =>
  createPartywall({ realm: `cache-${(instances += 1)}`, store, ...options });
const nothing = (): void => {};

describe("a cached tenant", () => {
  it("is not asked for again before its time is up, by id or by slug", async () => {
    const pw = open({ cache: { ttlMs: 1000 } });
    await pw.run("acme", nothing);
    await pw.run({ slug: "acme" }, nothing);
    vi.advanceTimersByTime(999);
    await pw.run({ id: "acme" }, nothing);
    expect(asked).toEqual([{ id: "acme" }]);
    vi.advanceTimersByTime(1);
    await pw.run("acme", nothing);
    expect(asked).toHaveLength(2);
  });

  it("is not kept at all with cache: false", async () => {
    const pw = open({ cache: false });
    await pw.run("acme", nothing);
    await pw.run("acme", nothing);
    expect(asked).toHaveLength(2);
  });

  it("makes room for others when it was not used, and stays when it was", async () => {
    const pw = open({ cache: { max: 2 } });
    await pw.run("acme", nothing);
    await pw.run("globex", nothing);
    await pw.run("acme", nothing);
    await pw.run("umbra", nothing);
    asked.length = 0;
    await pw.run("acme", nothing);
    expect(asked).toEqual([]);
    await pw.run("globex", nothing);
    expect(asked).toEqual([{ id: "globex" }]);
  });

  it("makes room although all were used", async () => {
    const pw = open({ cache: { max: 2 } });
    for (const id of ["acme", "globex", "acme", "globex", "umbra", "nova", "acme"])
      await pw.run(id, nothing);
    asked.length = 0;
    await pw.run("acme", nothing);
    expect(asked).toEqual([]);
  });

  it.each([
    { ttlMs: -1 },
    { ttlMs: Number.NaN },
    { negativeTtlMs: Number.POSITIVE_INFINITY },
    { max: 0 },
    { max: 1.5 },
  ])("cannot be configured as %j", async (cache) => {
    expect(await codeOf(() => open({ cache }))).toBe("PW_CONFIG");
  });
});

describe("an absent tenant", () => {
  it("is not asked for again for a short time, and found once it is created", async () => {
    const pw = open({ cache: { negativeTtlMs: 1000 } });
    for (let i = 0; i < 3; i += 1)
      expect(await codeOf(() => pw.run("late", nothing))).toBe("PW_TENANT_UNKNOWN");
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    await codeOf(() => pw.run("late", nothing));
    expect(asked).toHaveLength(2);
    await pw.tenants.create({ id: "late", slug: "late", name: "Late" });
    expect(await pw.run("late", () => pw.current().id)).toBe("late");
  });

  it("cannot fill the memory however many are asked for", async () => {
    const pw = open({ cache: { max: 3 } });
    for (let i = 0; i < 10; i += 1) await codeOf(() => pw.run(`nobody-${i}`, nothing));
    asked.length = 0;
    await codeOf(() => pw.run("nobody-9", nothing));
    expect(asked).toEqual([]);
    await codeOf(() => pw.run("nobody-0", nothing));
    expect(asked).toHaveLength(1);
  });
});

describe("lookups at the same time", () => {
  it("share one question to the store", async () => {
    const pw = open();
    held = true;
    const runs = Array.from({ length: 50 }, () => pw.run("acme", () => pw.current().id));
    await expect.poll(() => answer).toHaveLength(1);
    answer[0]!();
    expect(new Set(await Promise.all(runs))).toEqual(new Set(["acme"]));
    expect(asked).toHaveLength(1);
  });

  it("share its failure, which is not kept", async () => {
    const pw = open();
    const find = vi.spyOn(store, "find").mockRejectedValueOnce(new Error("down"));
    const codes = await Promise.all([1, 2].map(() => codeOf(() => pw.run("acme", nothing))));
    expect(codes).toEqual(["PW_REGISTRY_UNAVAILABLE", "PW_REGISTRY_UNAVAILABLE"]);
    expect(find).toHaveBeenCalledOnce();
    expect(await codeOf(() => pw.run("acme", nothing))).toBeUndefined();
  });

  it("ask the store outside every scope, so that no answer depends on whose question came first", async () => {
    const pw = open();
    await pw.run("acme", nothing);
    let scope: unknown = "not asked";
    const find = store.find;
    store.find = (key) => {
      scope = pw.scope();
      return find(key);
    };
    await pw.central(() => pw.run("globex", nothing));
    expect(scope).toBeUndefined();
  });
});

describe.each<[string, string | { slug: string }]>([
  ["id", "acme"],
  ["slug", { slug: "acme" }],
])("a lookup by %s under way while its tenant is suspended", (_, key) => {
  it("is neither kept nor joined by those who come later", async () => {
    const pw = open();
    held = true;
    const early = pw.run(key, () => pw.current().status);
    await expect.poll(() => answer).toHaveLength(1);
    held = false;
    await pw.tenants.suspend("acme");
    expect(await codeOf(() => pw.run(key, nothing))).toBe("PW_TENANT_SUSPENDED");
    answer[0]!();
    expect(await early).toBe("active");
    expect(await codeOf(() => pw.run(key, nothing))).toBe("PW_TENANT_SUSPENDED");
    expect(await codeOf(() => pw.run("acme", nothing))).toBe("PW_TENANT_SUSPENDED");
  });
});

it("a lookup that ends after its tenant was suspended leaves nothing behind", async () => {
  const pw = open();
  held = true;
  const early = pw.run({ slug: "acme" }, () => pw.current().status);
  await expect.poll(() => answer).toHaveLength(1);
  held = false;
  await pw.tenants.suspend("acme");
  answer[0]!();
  expect(await early).toBe("active");
  expect(await codeOf(() => pw.run("acme", nothing))).toBe("PW_TENANT_SUSPENDED");
});

it("a lookup that found nothing while the tenant was being created is not kept", async () => {
  const pw = open();
  held = true;
  const early = codeOf(() => pw.run({ slug: "late" }, nothing));
  await expect.poll(() => answer).toHaveLength(1);
  held = false;
  await pw.tenants.create({ slug: "late", name: "Late" });
  answer[0]!();
  expect(await early).toBe("PW_TENANT_UNKNOWN");
  expect(await pw.run({ slug: "late" }, () => pw.current().slug)).toBe("late");
});

it("an older answer does not replace a newer one", async () => {
  const pw = open();
  held = true;
  const older = pw.run("acme", () => pw.current().name);
  await expect.poll(() => answer).toHaveLength(1);
  held = false;
  // Changed by another process that sends no hint, and read by a second lookup that overtakes the first.
  await store.update("acme", 1, { name: "Newer", updatedAt: record().updatedAt });
  expect(await pw.run({ slug: "acme" }, () => pw.current().name)).toBe("Newer");
  answer[0]!();
  expect(await older).toBe("Acme");
  expect(await pw.run("acme", () => pw.current().name)).toBe("Newer");
});

it("a change made by hand, without a new version, is seen when the time is up", async () => {
  const pw = open({ cache: { ttlMs: 1000 } });
  await pw.run("acme", nothing);
  store.find = async () => record({ status: "suspended" });
  vi.advanceTimersByTime(1000);
  const codes = [
    await codeOf(() => pw.run("acme", nothing)),
    await codeOf(() => pw.run("acme", nothing)),
  ];
  expect(codes).toEqual(["PW_TENANT_SUSPENDED", "PW_TENANT_SUSPENDED"]);
});

it("a renamed tenant is no longer found by its old slug, and its new owner is", async () => {
  const pw = open();
  await pw.run({ slug: "acme" }, nothing);
  await pw.tenants.update("acme", { slug: "acme-old" });
  expect(await codeOf(() => pw.run({ slug: "acme" }, nothing))).toBe("PW_TENANT_UNKNOWN");
  await pw.tenants.update("globex", { slug: "acme" });
  expect(await pw.run({ slug: "acme" }, () => pw.current().id)).toBe("globex");
});

describe("invalidation from elsewhere", () => {
  function listening(): RegistryInvalidation & {
    hint: (id: string) => void;
    gap: () => void;
    started: number;
    stopped: number;
  } {
    const fake = {
      hint: ((): void => {}) as (id: string) => void,
      gap: (): void => {},
      started: 0,
      stopped: 0,
      async start(onHint: (id: string) => void, onGap: () => void) {
        fake.started += 1;
        fake.hint = onHint;
        fake.gap = onGap;
      },
      async stop() {
        fake.stopped += 1;
      },
    };
    return fake;
  }

  it("starts with the first question, not with construction, and stops with close", async () => {
    const invalidation = listening();
    const pw = open({ invalidation });
    expect(invalidation.started).toBe(0);
    await pw.run("acme", nothing);
    await pw.run("globex", nothing);
    await pw.ready();
    expect(invalidation.started).toBe(1);
    await pw.close();
    expect(invalidation.stopped).toBe(1);
  });

  it("a hint drops one tenant, a gap drops all", async () => {
    const invalidation = listening();
    const pw = open({ invalidation });
    await pw.run("acme", nothing);
    await pw.run("globex", nothing);
    asked.length = 0;
    invalidation.hint("acme");
    await pw.run("globex", nothing);
    expect(asked).toEqual([]);
    await pw.run("acme", nothing);
    expect(asked).toEqual([{ id: "acme" }]);
    invalidation.gap();
    await pw.run("globex", nothing);
    expect(asked).toHaveLength(2);
  });

  it("a flood of forged hints changes nothing but the number of reads", async () => {
    const invalidation = listening();
    const pw = open({ invalidation });
    held = true;
    const run = pw.run("acme", () => pw.current().id);
    await expect.poll(() => answer).toHaveLength(1);
    for (let i = 0; i < 5000; i += 1) invalidation.hint(`forged-${i}`);
    held = false;
    answer[0]!();
    expect(await run).toBe("acme");
    expect(await pw.run("acme", () => pw.current().id)).toBe("acme");
    expect(asked).toHaveLength(2);
  });

  it("that cannot start leaves the registry working, and ready() says so", async () => {
    const invalidation = listening();
    invalidation.start = () => Promise.reject(new Error("no route"));
    const pw = open({ invalidation });
    expect(await pw.run("acme", () => pw.current().id)).toBe("acme");
    await expect(pw.ready()).rejects.toThrow("no route");
  });
});
