import fc from "fast-check";
import { createPartywall, type TenantKey } from "partywall";
import {
  hardenedStore,
  memoryStore,
  type TenantRecord,
  type TenantStore,
} from "partywall/registry";
import { describe, expect, it } from "vitest";
import { codeOf, rejectionOf } from "../scope/instance.js";
import { record } from "./record.js";

/** A store that answers every find and list with what it is given. */
const answering = (answer: unknown): TenantStore => ({
  ...memoryStore(),
  find: async () => answer as TenantRecord,
  list: async () => answer as TenantRecord[],
});
const page = { limit: 10, status: ["active"] as const };

describe("a store cannot hand back", () => {
  it.each([
    ["by id", { id: "acme" }, { id: "globex" }],
    ["by slug", { slug: "acme" }, { slug: "globex" }],
    ["by an id in other letters", { id: "acme" }, { id: "ACME" }],
    ["by an id in another Unicode form", { id: "caf\u00e9" }, { id: "cafe\u0301" }],
    ["by an id with a blank", { id: "acme" }, { id: "acme " }],
  ])("another tenant than the one asked for %s", async (_, key, changes) => {
    const store = hardenedStore(answering(record(changes)));
    expect(await codeOf(() => store.find(key as { id: string }))).toBe("PW_REGISTRY_CONTRACT");
  });

  it.each<[string, unknown]>([
    ["a string", "acme"],
    ["an empty object", {}],
    ["an array", [record()]],
    ["no slug", record({ slug: undefined })],
    ["a slug that is none", record({ slug: "No Slug" })],
    ["an unknown status", record({ status: "ACTIVE" })],
    ["a blank name", record({ name: " " })],
    ["an unknown strategy", record({ placement: { strategy: "none" } })],
    ["a placement with a password", record({ placement: { strategy: "row", password: "x" } })],
    ["fields that are a list", record({ fields: [] })],
    ["fields with a function", record({ fields: { f: () => 1 } })],
    ["fields without an end", record({ fields: endless() })],
    ["version 0", record({ version: 0 })],
    ["version one half", record({ version: 0.5 })],
    ["a Date", record({ createdAt: new Date() })],
    ["a time without a zone", record({ updatedAt: "2026-01-02T03:04:05.678" })],
    ["a day that is none", record({ updatedAt: "2026-13-42T03:04:05.678Z" })],
    ["a throwing getter", Object.defineProperty(record(), "status", { get: () => fail() })],
    ["a throwing proxy", throwing({})],
    [
      "a throwing getter in its fields",
      record({ fields: Object.defineProperty({}, "x", { enumerable: true, get: () => fail() }) }),
    ],
  ])("a record that is malformed: %s", async (_, answer) => {
    const store = hardenedStore(answering(answer));
    expect(await codeOf(() => store.find({ id: "acme" }))).toBe("PW_REGISTRY_CONTRACT");
    expect(await codeOf(() => hardenedStore(answering([answer])).list(page))).toBe(
      "PW_REGISTRY_CONTRACT",
    );
  });

  it("a record that reads differently the second time", async () => {
    let reads = 0;
    const shifty = Object.defineProperty(record(), "id", {
      get: () => (reads++ === 0 ? "acme" : "globex"),
    });
    const found = await hardenedStore(answering(shifty)).find({ id: "acme" });
    expect([found?.id, found?.id]).toEqual(["acme", "acme"]);
  });

  it("a record it changes later", async () => {
    const fields = { plan: "free" };
    const mine = record({ fields });
    const found = await hardenedStore(answering(mine)).find({ id: "acme" });
    Object.assign(mine, { id: "globex", status: "suspended" });
    fields.plan = "enterprise";
    expect(found).toEqual(record({ fields: { plan: "free" } }));
    expect(Object.isFrozen(found) && Object.isFrozen(found?.fields)).toBe(true);
  });

  it("a prototype through a field's name", async () => {
    const fields = JSON.parse('{"__proto__":{"admin":true}}') as object;
    const found = await hardenedStore(answering(record({ fields }))).find({ id: "acme" });
    expect(found!.fields["admin"]).toBeUndefined();
    expect(Object.keys(found!.fields)).toEqual(["__proto__"]);
  });
});

describe("a page cannot", () => {
  const ids = (...all: string[]): TenantRecord[] => all.map((id) => record({ id, slug: id }));
  it.each<[string, unknown, { after?: string; limit?: number }]>([
    ["repeat a record", ids("a", "a"), {}],
    ["be out of order", ids("b", "a"), {}],
    ["start again from the beginning", ids("a", "b"), { after: "a" }],
    ["be longer than asked for", ids("a", "b", "c"), { limit: 2 }],
    ["hold a status not asked for", [record({ status: "suspended" })], {}],
    ["be an object", { 0: record(), length: 1 }, {}],
    ["be nothing", undefined, {}],
    ["throw when read", throwing([]), {}],
  ])("%s", async (_, answer, change) => {
    const store = hardenedStore(answering(answer));
    expect(await codeOf(() => store.list({ ...page, ...change }))).toBe("PW_REGISTRY_CONTRACT");
  });

  it("keep each from ending, by never advancing", async () => {
    const store = answering(
      Array.from({ length: 200 }, (_, n) => record({ id: `t${1000 + n}`, slug: `t${n}` })),
    );
    const pw = createPartywall({ realm: "endless", store, cache: false });
    const error = await rejectionOf(() => pw.each(() => undefined));
    expect(error).toMatchObject({
      code: "PW_EACH_FAILED",
      cause: { code: "PW_REGISTRY_CONTRACT" },
    });
  });
});

it.each(["find", "list", "insert", "update", "init", "close"] as const)(
  "a failure in %s() is a registry that is unavailable, with its cause",
  async (method) => {
    const cause = new Error("connection refused");
    const store = hardenedStore({ ...memoryStore(), [method]: () => Promise.reject(cause) });
    const call = store[method] as (...args: unknown[]) => Promise<unknown>;
    const error = await rejectionOf(() => call({ id: "acme" }, 1, {}));
    expect(error).toMatchObject({ code: "PW_REGISTRY_UNAVAILABLE", status: 503, cause });
  },
);

it.each(["insert", "update"] as const)(
  "%s() cannot answer with what nobody knows",
  async (method) => {
    const store = hardenedStore({ ...memoryStore(), [method]: async () => true });
    const call = store[method] as (...args: unknown[]) => Promise<unknown>;
    expect(await codeOf(() => call(record(), 1, {}))).toBe("PW_REGISTRY_CONTRACT");
  },
);

it("whatever a store answers, nobody enters another tenant than the one asked for", async () => {
  const something = fc.oneof(
    fc.anything(),
    fc.record(
      {
        id: fc.oneof(fc.constantFrom("acme", "globex"), fc.anything()),
        slug: fc.oneof(fc.constantFrom("acme", "globex"), fc.anything()),
        name: fc.oneof(fc.constant("Acme"), fc.anything()),
        status: fc.oneof(fc.constantFrom("active", "suspended", "deleted"), fc.anything()),
        placement: fc.oneof(fc.constant({ strategy: "row" }), fc.anything()),
        fields: fc.oneof(fc.constant({}), fc.anything()),
        version: fc.oneof(fc.constant(1), fc.anything()),
        createdAt: fc.constant(record().createdAt),
        updatedAt: fc.constant(record().updatedAt),
      },
      { noNullPrototype: false },
    ),
  );
  const known = new Set([
    "PW_TENANT_UNKNOWN",
    "PW_TENANT_SUSPENDED",
    "PW_TENANT_NOT_READY",
    "PW_REGISTRY_CONTRACT",
  ]);
  await fc.assert(
    fc.asyncProperty(something, fc.boolean(), async (answer, bySlug) => {
      const pw = createPartywall({ realm: "hostile", store: answering(answer) });
      let entered: string | undefined;
      const key: TenantKey = bySlug ? { slug: "acme" } : { id: "acme" };
      const code = await codeOf(() =>
        pw.run(key, () => {
          entered = bySlug ? pw.current().slug : pw.current().id;
        }),
      );
      await pw.close();
      if (code === undefined) expect(entered).toBe("acme");
      else expect([entered, known.has(code)]).toEqual([undefined, true]);
    }),
    { numRuns: 500 },
  );
});

function fail(): never {
  throw new Error("hostile");
}

/** Only `then` can be read, or no promise could be resolved with it. */
function throwing(target: object): unknown {
  return new Proxy(target, { get: (_, key) => (key === "then" ? undefined : fail()) });
}

function endless(): object {
  const fields: Record<string, unknown> = {};
  fields["again"] = fields;
  return fields;
}
