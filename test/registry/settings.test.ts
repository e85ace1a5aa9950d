import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { createPartywall, type Partywall } from "partywall";
import {
  memoryStore,
  postgresInvalidation,
  postgresStore,
  type StandardSchemaV1,
  type TenantStore,
} from "partywall/registry";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { codeOf, rejectionOf } from "../scope/instance.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase, withClient, type TestDatabase } from "../support/postgres.js";
import { describeStores } from "./stores.js";

interface ShopSettings {
  locale: "en" | "de" | "fr";
  seats: number;
  mail?: { from: string; copies: string[] };
}

const isLocale = (value: unknown) => value === "en" || value === "de" || value === "fr";
const isMail = (value: unknown) =>
  value === undefined || Array.isArray((value as ShopSettings["mail"])?.copies);

const schema: StandardSchemaV1<ShopSettings> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate(value) {
      const { locale, seats, mail } = value as ShopSettings;
      const wrong = [
        ...(isLocale(locale) ? [] : ["locale"]),
        ...(Number.isInteger(seats) && seats >= 1 ? [] : ["seats"]),
        ...(isMail(mail) ? [] : ["mail"]),
      ];
      return wrong.length === 0
        ? { value: value as ShopSettings }
        : { issues: wrong.map((name) => ({ message: "wrong", path: [name] })) };
    },
  },
};
const settings = { schema, defaults: { locale: "en" as const, seats: 5 } };

function open(store: TenantStore) {
  const pw = createPartywall({ realm: randomUUID(), store, settings });
  onTestFinished(() => pw.close());
  return pw;
}

async function twoTenants(store: TenantStore) {
  const pw = open(store);
  for (const id of ["acme", "globex"]) await pw.tenants.create({ id, slug: id, name: id });
  return pw;
}

describeStores("settings", (stores) => {
  it("are the defaults until the tenant has its own", async () => {
    const pw = await twoTenants(stores.open());
    await pw.tenants.updateSettings("acme", { locale: "de" });
    expect(await pw.run("acme", () => pw.settings())).toEqual({ locale: "de", seats: 5 });
    expect(await pw.run("globex", () => pw.settings())).toEqual({ locale: "en", seats: 5 });
    // What is recorded is the tenant's own alone, so that another default reaches it.
    expect((await pw.tenants.get("acme")).settings).toEqual({ locale: "de" });
  });

  it("change by their names and go back to the default", async () => {
    const pw = await twoTenants(stores.open());
    await pw.tenants.updateSettings("acme", { locale: "de", seats: 7 });
    const mail = { from: "a@acme.test", copies: ["b@acme.test"] };
    expect(await pw.tenants.updateSettings("acme", { locale: undefined, mail })).toEqual({
      locale: "en",
      seats: 7,
      mail,
    });
    expect(await pw.tenants.settings("acme")).toEqual({ locale: "en", seats: 7, mail });
    expect((await pw.tenants.get("acme")).settings).toEqual({ seats: 7, mail });
  });

  it("that the schema refuses are not recorded, and the message does not repeat them", async () => {
    const pw = await twoTenants(stores.open());
    const wrong = { seats: 2, locale: "tlh-secret" as "en" };
    const error = await rejectionOf(() => pw.tenants.updateSettings("acme", wrong));
    expect(error).toMatchObject({ code: "PW_TENANT_INVALID" });
    expect(String(error)).toMatch(/settings\.locale/);
    expect(String(error)).not.toMatch(/secret/);
    expect((await pw.tenants.get("acme")).settings).toEqual({});
  });

  it("of two who change different ones at once are both kept", async () => {
    const pw = await twoTenants(stores.open());
    await Promise.all([
      pw.tenants.updateSettings("acme", { locale: "fr" }),
      pw.tenants.updateSettings("acme", { seats: 9 }),
    ]);
    expect(await pw.tenants.settings("acme")).toEqual({ locale: "fr", seats: 9 });
  });

  it("are kept when the rest of the record changes, and the rest when they do", async () => {
    const pw = await twoTenants(stores.open());
    await pw.tenants.addDomain("acme", "shop.acme.test");
    await pw.tenants.updateSettings("acme", { seats: 9 });
    await pw.tenants.update("acme", { name: "Acme Inc." });
    expect(await pw.tenants.get("acme")).toMatchObject({
      name: "Acme Inc.",
      domains: ["shop.acme.test"],
      settings: { seats: 9 },
    });
  });
});

describe("settings", () => {
  const acme = () => twoTenants(memoryStore());

  it("are frozen, all the way down", async () => {
    const pw = await acme();
    const mail = { from: "a@acme.test", copies: ["b@acme.test"] };
    await pw.tenants.updateSettings("acme", { mail });
    mail.copies.push("c@acme.test");
    await pw.run("acme", () => {
      const got = pw.settings() as unknown as { seats: number; mail: { copies: string[] } };
      expect(() => (got.seats = 900)).toThrow(TypeError);
      expect(() => got.mail.copies.push("x")).toThrow(TypeError);
      expect(got.mail.copies).toEqual(["b@acme.test"]);
    });
  });

  it("are nobody's where no tenant is current", async () => {
    const pw = await acme();
    expect(await codeOf(() => pw.settings())).toBe("PW_NO_SCOPE");
    expect(await codeOf(() => pw.central(() => pw.settings()))).toBe("PW_CENTRAL_SCOPE");
    expect(await codeOf(() => pw.system({ reason: "test" }, () => pw.settings()))).toBe(
      "PW_CENTRAL_SCOPE",
    );
  });

  it("can be changed and read by the tenant itself, and by no other", async () => {
    const pw = await acme();
    await pw.run("acme", async () => {
      expect(await pw.tenants.updateSettings("acme", { seats: 6 })).toMatchObject({ seats: 6 });
      expect(await pw.tenants.settings("acme")).toMatchObject({ seats: 6 });
      // What is open keeps what it was opened with.
      expect(pw.settings().seats).toBe(5);
      for (const id of ["globex", "nobody", "", undefined as never, { slug: "acme" } as never]) {
        expect(await codeOf(() => pw.tenants.updateSettings(id, { seats: 1 }))).toBe(
          "PW_SCOPE_SWITCH",
        );
        expect(await codeOf(() => pw.tenants.settings(id))).toBe("PW_SCOPE_SWITCH");
      }
    });
    expect(await pw.run("acme", () => pw.settings().seats)).toBe(6);
    expect((await pw.tenants.settings("globex")).seats).toBe(5);
  });

  it("do not mix between tenants at work at the same time", async () => {
    const pw = await acme();
    await pw.tenants.updateSettings("acme", { seats: 11 });
    await pw.tenants.updateSettings("globex", { seats: 22 });
    const seen = await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        pw.run(at % 2 === 0 ? "acme" : "globex", async () => {
          await sleep(at % 5);
          return pw.settings().seats;
        }),
      ),
    );
    expect(seen).toEqual(seen.map((_, at) => (at % 2 === 0 ? 11 : 22)));
    const each: Record<string, number> = {};
    await pw.each((tenant) => (each[tenant.id] = pw.settings().seats));
    expect(each).toEqual({ acme: 11, globex: 22 });
  });

  it("go with a bound function and a snapshot", async () => {
    const pw = createPartywall({
      realm: randomUUID(),
      settings,
      secret: "a secret of the tests, thirty-two or more",
    });
    onTestFinished(() => pw.close());
    await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    const { bound, token } = await pw.run("acme", () => ({
      bound: pw.bind(() => pw.settings().seats),
      token: pw.snapshot(),
    }));
    await pw.tenants.updateSettings("acme", { seats: 8 });
    expect(bound()).toBe(5);
    // A snapshot holds no settings; they are read again.
    expect(await pw.resume(token, () => pw.settings().seats)).toBe(8);
  });

  it("of a tenant that is unknown or deleted are not there", async () => {
    const pw = await acme();
    await pw.tenants.delete("globex");
    for (const id of ["globex", "nobody", "", 7 as never]) {
      expect(await codeOf(() => pw.tenants.settings(id))).toMatch(/^PW_TENANT_(UNKNOWN|INVALID)$/);
      expect(await codeOf(() => pw.tenants.updateSettings(id, { seats: 2 }))).toBe(
        "PW_TENANT_UNKNOWN",
      );
    }
  });

  it.each([null, 7, "locale", ["en"], { locale: new Date() }, { mail: () => 1 }])(
    "cannot be changed by %j",
    async (patch) => {
      const pw = await acme();
      expect(await codeOf(() => pw.tenants.updateSettings("acme", patch as never))).toBe(
        "PW_TENANT_INVALID",
      );
    },
  );

  it("stored by another hand, which the schema refuses, keep the tenant shut and can be corrected", async () => {
    const store = memoryStore();
    await twoTenants(store);
    const record = await store.find({ id: "acme" });
    await store.update("acme", record!.version, {
      settings: { locale: "klingon" },
      updatedAt: record!.updatedAt,
    });
    const later = open(store);
    expect(await codeOf(() => later.run("acme", () => "entered"))).toBe("PW_REGISTRY_CONTRACT");
    await later.tenants.updateSettings("acme", { locale: "de" });
    expect(await later.run("acme", () => later.settings().locale)).toBe("de");
  });

  it("of a store that knows of none are the defaults", async () => {
    const store = memoryStore();
    await twoTenants(store);
    const older: TenantStore = {
      ...store,
      async find(key) {
        const { settings: _, ...record } = (await store.find(key))!;
        return record as never;
      },
    };
    const pw = open(older);
    expect(await pw.run("acme", () => pw.settings())).toEqual({ locale: "en", seats: 5 });
  });

  it("may be filled in by a schema that is asynchronous", async () => {
    const slow: StandardSchemaV1<{ theme?: string }, { theme: string }> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: async (value) => ({ value: { theme: "dark", ...(value as object) } }),
      },
    };
    const pw = createPartywall({ realm: randomUUID(), settings: { schema: slow } });
    onTestFinished(() => pw.close());
    await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    expect(await pw.run("acme", () => pw.settings().theme)).toBe("dark");
    // Not recorded: what the schema filled in may be something else tomorrow.
    expect((await pw.tenants.get("acme")).settings).toEqual({});
  });

  it("whose defaults cannot be are refused before any tenant is entered", async () => {
    const defaults = { locale: "tlh", seats: 5 } as never;
    const pw = createPartywall({ realm: randomUUID(), settings: { schema, defaults } });
    onTestFinished(() => pw.close());
    expect(await codeOf(() => pw.ready())).toBe("PW_CONFIG");
    for (const wrong of [{ defaults: [] }, { defaults: { at: new Date() } }, { default: {} }])
      expect(await codeOf(() => createPartywall({ settings: wrong as never }))).toBe("PW_CONFIG");
  });

  it("follow the last change of each name, whatever the order of changes", async () => {
    const name = fc.constantFrom("a", "b", "__proto__", "constructor", "toString");
    const patch = fc.dictionary(name, fc.option(fc.jsonValue(), { nil: undefined }), {
      maxKeys: 4,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(patch, { maxLength: 6 }), async (patches) => {
        const pw: Partywall = createPartywall({ realm: randomUUID() });
        await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
        const model = new Map<string, unknown>();
        for (const one of patches) {
          await pw.tenants.updateSettings("acme", one);
          for (const [key, value] of Object.entries(one))
            if (value === undefined) model.delete(key);
            else model.set(key, value);
        }
        const got = await pw.run("acme", () => pw.settings());
        await pw.close();
        expect(JSON.parse(JSON.stringify(got))).toEqual(
          JSON.parse(JSON.stringify(Object.fromEntries(model))),
        );
        expect(Object.keys(got).toSorted()).toEqual([...model.keys()].toSorted());
      }),
      { numRuns: 60 },
    );
  });
});

describeEngine("postgres", "settings, in PostgreSQL", () => {
  let database: TestDatabase;
  let tables = 0;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());
  const fresh = () => ({ connectionString: database.url, table: `settings_${(tables += 1)}` });

  it("that were changed on one node are seen on another", async () => {
    const options = fresh();
    const node = () => {
      const pw = createPartywall({
        realm: randomUUID(),
        store: postgresStore(pg, options),
        invalidation: postgresInvalidation(pg, { connectionString: database.url }),
        cache: { ttlMs: 3_600_000 },
        settings,
      });
      onTestFinished(() => pw.close());
      return pw;
    };
    const [one, other] = [node(), node()];
    await one.ready();
    await other.ready();
    await one.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    const seen = () => other.run("acme", () => other.settings().locale);
    expect(await seen()).toBe("en");
    await one.tenants.updateSettings("acme", { locale: "de" });
    await expect.poll(seen).toBe("de");
    await one.run("acme", () => one.tenants.updateSettings("acme", { locale: undefined }));
    await expect.poll(seen).toBe("en");
  });

  it("can be given to tenants of a registry that is older than they", async () => {
    const options = fresh();
    const before = open(postgresStore(pg, options));
    await before.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    await before.close();
    await withClient(database.url, (client) =>
      client.query(`alter table partywall.${options.table} drop column settings`),
    );
    const nodes = Array.from({ length: 3 }, () => open(postgresStore(pg, options)));
    await Promise.all(nodes.map((pw) => pw.ready()));
    await nodes[0]?.tenants.updateSettings("acme", { seats: 3 });
    expect(await nodes[1]?.run("acme", () => nodes[1]?.settings())).toEqual({
      locale: "en",
      seats: 3,
    });
  });
});
