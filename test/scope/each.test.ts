import { createPartywall, EachError, type Partywall } from "partywall";
import { memoryStore, type TenantStore } from "partywall/registry";
import { afterEach, beforeEach, expect, it } from "vitest";
import { codeOf, here, rejectionOf } from "./instance.js";

let store: TenantStore & { pages: number };
let pw: Partywall;

beforeEach(() => {
  const memory = memoryStore();
  store = {
    ...memory,
    pages: 0,
    list: (page) => {
      store.pages += 1;
      return memory.list(page);
    },
  };
  pw = createPartywall({ realm: "each", store });
});
afterEach(() => pw.close());

async function tenants(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, n) => `t${String(n).padStart(4, "0")}`);
  for (const id of ids) await pw.tenants.create({ id, slug: id, name: id });
  return ids;
}

it("visits every active tenant, each in its own scope, page by page", async () => {
  const ids = await tenants(450);
  await pw.tenants.suspend("t0007");
  await pw.tenants.delete("t0008");
  const seen: string[] = [];
  const result = await pw.each(async (tenant) => {
    await new Promise(setImmediate);
    expect(here(pw)).toBe(tenant.id);
    seen.push(tenant.id);
  });
  expect(seen.toSorted()).toEqual(ids.filter((id) => id !== "t0007" && id !== "t0008"));
  expect(result).toEqual({ succeeded: 448, skipped: 0 });
  expect(store.pages).toBeGreaterThan(2);
});

it("runs at most so many at once", async () => {
  await tenants(12);
  let running = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, (running += 1));
    await new Promise((resolve) => setTimeout(resolve, 2));
    running -= 1;
  };
  await pw.each(work);
  expect(most).toBe(4);
  most = 0;
  await pw.each(work, { concurrency: 2 });
  expect(most).toBe(2);
  expect(await codeOf(() => pw.each(work, { concurrency: 0 }))).toBe("PW_CONFIG");
});

it("collects failures after all have run", async () => {
  await tenants(6);
  const seen: string[] = [];
  const error = await rejectionOf(() =>
    pw.each(({ id }) => {
      seen.push(id);
      if (id === "t0001" || id === "t0004") throw new Error(id);
    }),
  );
  expect(seen).toHaveLength(6);
  expect(error).toBeInstanceOf(EachError);
  expect(error).toMatchObject({
    code: "PW_EACH_FAILED",
    succeeded: 4,
    failures: [
      { tenantId: "t0001", error: { message: "t0001" } },
      { tenantId: "t0004", error: { message: "t0004" } },
    ],
  });
});

it("skips and counts a tenant that was suspended or deleted after it was listed", async () => {
  await tenants(5);
  const suspend = pw.bind(() => pw.tenants.suspend("t0003"));
  const remove = pw.bind(() => pw.tenants.delete("t0004"));
  const seen: string[] = [];
  const result = await pw.each(
    async ({ id }) => {
      seen.push(id);
      if (id === "t0000") await Promise.all([suspend(), remove()]);
    },
    { concurrency: 1 },
  );
  expect(seen).toEqual(["t0000", "t0001", "t0002"]);
  expect(result).toEqual({ succeeded: 3, skipped: 2 });
});

it("stops starting when aborted, waits for what runs, and says how far it came", async () => {
  await tenants(10);
  const controller = new AbortController();
  let finished = 0;
  const error = await rejectionOf(() =>
    pw.each(
      async ({ id }) => {
        if (id === "t0003") controller.abort(new Error("deploy"));
        await new Promise(setImmediate);
        finished += 1;
      },
      { concurrency: 2, signal: controller.signal },
    ),
  );
  expect(error).toMatchObject({
    code: "PW_EACH_FAILED",
    succeeded: finished,
    failures: [],
    cause: { message: "deploy" },
  });
  expect(finished).toBeLessThan(10);
});

it("says so when listing breaks down half way", async () => {
  await tenants(3);
  const list = store.list;
  store.list = async (page) => {
    if (page.after !== undefined) throw new Error("connection lost");
    return Array.from((await list({ ...page, limit: 3 })).values());
  };
  const all = await pw.each(() => undefined);
  expect(all.succeeded).toBe(3);
  store.list = () => Promise.reject(new Error("connection lost"));
  const error = await rejectionOf(() => pw.each(() => undefined));
  expect(error).toMatchObject({
    code: "PW_EACH_FAILED",
    cause: { code: "PW_REGISTRY_UNAVAILABLE" },
  });
});
