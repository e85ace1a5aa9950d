import { Worker } from "node:worker_threads";
import { createPartywall, type Partywall } from "partywall";
import { memoryStore, type TenantStore } from "partywall/registry";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { codeOf, here, SECRET, twoTenants } from "./instance.js";

const realm = "snapshots";
let store: TenantStore;
let pw: Partywall;
beforeEach(async () => {
  store = memoryStore();
  pw = await twoTenants({ realm, store });
});
afterEach(async () => {
  vi.useRealTimers();
  await pw.close();
});

const take = (id = "acme"): Promise<string> => pw.run(id, () => pw.snapshot());

it("is resumed in its tenant's scope, and does not hold the tenant's record", async () => {
  await pw.tenants.update("acme", { name: "Acme & Sons", fields: { plan: "confidential" } });
  const token = await take();
  const payload = Buffer.from(token.split(".")[0]!, "base64url").toString();
  expect(JSON.parse(payload)).toEqual({
    v: 1,
    realm,
    kind: "tenant",
    id: "acme",
    jti: expect.any(String) as string,
    iat: expect.any(Number) as number,
    exp: expect.any(Number) as number,
  });
  await pw.tenants.update("acme", { name: "Acme Ltd" });
  expect(await pw.resume(token, () => pw.current().name)).toBe("Acme Ltd");
  expect(await take()).not.toBe(token);
});

it("of a central scope is resumed as central; of a system scope or of none there is none", async () => {
  const token = await pw.central(() => pw.snapshot());
  expect(await pw.resume(token, () => pw.scope()?.kind)).toBe("central");
  expect(await pw.system({ reason: "test" }, () => codeOf(() => pw.snapshot()))).toBe(
    "PW_SNAPSHOT_INVALID",
  );
  expect(await codeOf(() => pw.snapshot())).toBe("PW_NO_SCOPE");
});

describe("does not run", () => {
  const forged = (change: object, token: string): string => {
    const [body, mac] = token.split(".");
    const payload = JSON.parse(Buffer.from(body!, "base64url").toString()) as object;
    return `${Buffer.from(JSON.stringify({ ...payload, ...change })).toString("base64url")}.${mac}`;
  };

  it.each<[string, (token: string) => string]>([
    ["for another tenant", (token) => forged({ id: "globex" }, token)],
    ["as central", (token) => forged({ kind: "central", id: undefined }, token)],
    ["for longer", (token) => forged({ exp: Number.MAX_SAFE_INTEGER }, token)],
    ["without a signature", (token) => token.split(".")[0]!],
    ["with an empty signature", (token) => `${token.split(".")[0]}.`],
    ["with a truncated signature", (token) => token.slice(0, -2)],
    ["with something appended", (token) => `${token}.x`],
    ["with a padded signature", (token) => `${token}=`],
    ["that is empty", () => ""],
    ["that is endless", () => "a".repeat(1_000_000)],
    ["that is no string", () => ({ kind: "central" }) as never],
  ])("when forged: %s", async (_, forge) => {
    const fn = vi.fn<() => void>();
    expect(await codeOf(async () => pw.resume(forge(await take()), fn))).toBe(
      "PW_SNAPSHOT_INVALID",
    );
    expect(fn).not.toHaveBeenCalled();
  });

  it("when signed with another secret or for another realm", async () => {
    const others = [
      createPartywall({ realm: "elsewhere", secret: SECRET, store }),
      createPartywall({
        realm: "snapshots-2",
        secret: "another secret of the tests, 32 or more",
        store,
      }),
    ];
    for (const other of others) {
      const token = await other.run("acme", () => other.snapshot());
      expect(await codeOf(() => pw.resume(token, () => undefined))).toBe("PW_SNAPSHOT_INVALID");
      await other.close();
    }
  });

  it("when expired", async () => {
    vi.useFakeTimers();
    const day = await take();
    const second = await pw.run("acme", () => pw.snapshot({ expiresInMs: 1000 }));
    vi.advanceTimersByTime(999);
    expect(await codeOf(() => pw.resume(second, () => undefined))).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(await codeOf(() => pw.resume(second, () => undefined))).toBe("PW_SNAPSHOT_EXPIRED");
    expect(await codeOf(() => pw.resume(day, () => undefined))).toBeUndefined();
    vi.advanceTimersByTime(24 * 60 * 60 * 1000);
    expect(await codeOf(() => pw.resume(day, () => undefined))).toBe("PW_SNAPSHOT_EXPIRED");
  });

  it("when its tenant was suspended or deleted since, even where the cache says otherwise", async () => {
    const token = await take();
    const administration = createPartywall({ realm: "administration", store });
    await administration.tenants.suspend("acme");
    expect(await codeOf(() => pw.run("acme", () => undefined))).toBeUndefined();
    expect(await codeOf(() => pw.resume(token, () => undefined))).toBe("PW_TENANT_SUSPENDED");
    expect(await codeOf(() => pw.run("acme", () => undefined))).toBe("PW_TENANT_SUSPENDED");
    await administration.tenants.delete("acme");
    expect(await codeOf(() => pw.resume(token, () => undefined))).toBe("PW_TENANT_UNKNOWN");
  });
});

it("outlives a rotation of secrets as long as the old one is listed", async () => {
  const token = await take();
  await pw.close();
  const newer = "a newer secret of the tests, 32 or more";
  const rotated = createPartywall({ realm, store, secret: [newer, SECRET] });
  expect(await rotated.resume(token, () => here(rotated))).toBe("acme");
  const fresh = await rotated.run("acme", () => rotated.snapshot());
  await rotated.close();
  const finished = createPartywall({ realm, store, secret: newer });
  expect(await finished.resume(fresh, () => here(finished))).toBe("acme");
  expect(await codeOf(() => finished.resume(token, () => undefined))).toBe("PW_SNAPSHOT_INVALID");
  await finished.close();
});

it("carries a tenant into a worker thread, which runs it there", async () => {
  const entry = new URL("./fixtures/resume-worker.ts", import.meta.url).href;
  // Registered from inside: on Node.js 20 a worker's own entry does not go through --import tsx.
  const start = `import("tsx/esm/api").then(({ register }) => { register(); return import(${JSON.stringify(entry)}); })`;
  const worker = new Worker(start, {
    eval: true,
    workerData: { realm, secret: SECRET, tokens: [await take(), `${await take("globex")}x`] },
  });
  const answer = await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  expect(answer).toEqual(["acme", "PW_SNAPSHOT_INVALID", "none"]);
});

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
  "cannot be made to expire in %d ms",
  async (expiresInMs) => {
    expect(await pw.run("acme", () => codeOf(() => pw.snapshot({ expiresInMs })))).toBe(
      "PW_CONFIG",
    );
  },
);

describe("an audience", () => {
  const taken = (audience?: string, expiresInMs?: number) =>
    pw.run("acme", () =>
      pw.snapshot({
        ...(audience === undefined ? {} : { audience }),
        ...(expiresInMs === undefined ? {} : { expiresInMs }),
      }),
    );
  const resumed = (token: string, audience?: string) =>
    codeOf(() => pw.resume(token, () => here(pw), audience === undefined ? {} : { audience }));

  it("is the only one for which a snapshot is resumed", async () => {
    const [mail, plain] = [await taken("queue:mail"), await taken()];
    expect(await resumed(mail, "queue:mail")).toBeUndefined();
    expect(await resumed(plain)).toBeUndefined();
    for (const audience of [undefined, "queue:mai", "queue:mail2", "queue:report"])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await resumed(mail, audience)).toBe("PW_SNAPSHOT_INVALID");
    expect(await resumed(plain, "queue:mail")).toBe("PW_SNAPSHOT_INVALID");
  });

  it("is what a snapshot that never expires must have, and its tenant is read again all the same", async () => {
    expect(await codeOf(() => taken(undefined, Infinity))).toBe("PW_CONFIG");
    const token = await taken("schedule:nightly", Infinity);
    vi.useFakeTimers({ now: Date.now() + 50 * 365 * 24 * 3_600_000, toFake: ["Date"] });
    expect(await resumed(token, "schedule:nightly")).toBeUndefined();
    await pw.tenants.suspend("acme");
    expect(await resumed(token, "schedule:nightly")).toBe("PW_TENANT_SUSPENDED");
  });

  it.each(["", "x".repeat(501), 7 as never])("cannot be %j", async (audience) => {
    expect(await codeOf(() => taken(audience))).toBe("PW_CONFIG");
  });
});
