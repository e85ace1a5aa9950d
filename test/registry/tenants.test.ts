import { randomUUID } from "node:crypto";
import { createPartywall, type Guard, type Partywall } from "partywall";
import type { StandardSchemaV1, TenantStore } from "partywall/registry";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { codeOf, rejectionOf } from "../scope/instance.js";
import { describeStores } from "./stores.js";

describeStores("tenants", (stores) => {
  let store: TenantStore;
  let log: string[];
  let failing: Set<"admit" | "expel">;
  let pw: Partywall;

  const guard = (): Guard => {
    const step =
      (name: "admit" | "expel") =>
      async ({ id }: { id: string }): Promise<void> => {
        log.push(`${name} ${id} while ${(await store.find({ id }))?.status}`);
        if (failing.has(name)) throw new Error("database is down");
      };
    return {
      wire: "test",
      attach: () => {},
      admit: step("admit"),
      expel: step("expel"),
      ready: async () => void log.push("ready"),
      close: async () => void log.push("close"),
    };
  };

  beforeEach(() => {
    store = stores.open();
    log = [];
    failing = new Set();
    pw = createPartywall({ realm: "tenants", store, postgres: guard() });
  });
  afterEach(() => pw.close());

  const acme = { id: "acme", slug: "acme", name: "Acme" };

  describe("create", () => {
    it("admits the tenant while it is provisioning, then makes it active", async () => {
      const record = await pw.tenants.create({
        slug: "acme",
        name: "Acme",
        fields: { plan: "free" },
      });
      expect(log).toEqual([`admit ${record.id} while provisioning`]);
      expect(record).toMatchObject({
        slug: "acme",
        status: "active",
        placement: { strategy: "row" },
        version: 2,
      });
      expect(await pw.tenants.get(record.id)).toEqual(record);
      expect(await pw.tenants.get({ slug: "acme" })).toEqual(record);
      expect(record.id).toMatch(/^[0-9a-f-]{36}$/);
    });

    it("a guard that fails leaves the tenant provisioning; the same call resumes it", async () => {
      failing.add("admit");
      const error = await rejectionOf(() => pw.tenants.create(acme));
      expect(error).toMatchObject({
        code: "PW_GUARD_FAILED",
        cause: { message: "database is down" },
      });
      expect((error as Error).message).toContain('pw.tenants.create() with id "acme"');
      expect((await pw.tenants.get("acme")).status).toBe("provisioning");
      expect(await codeOf(() => pw.run("acme", () => undefined))).toBe("PW_TENANT_NOT_READY");
      failing.clear();
      expect((await pw.tenants.create(acme)).status).toBe("active");
      expect(await pw.run("acme", () => pw.current().name)).toBe("Acme");
    });

    it("two sign-ups for one slug cannot share a tenant that is still provisioning", async () => {
      failing.add("admit");
      await codeOf(() => pw.tenants.create(acme));
      failing.clear();
      expect(await codeOf(() => pw.tenants.create({ slug: "acme", name: "Acme" }))).toBe(
        "PW_TENANT_EXISTS",
      );
      expect(await codeOf(() => pw.tenants.create({ ...acme, name: "Mallory" }))).toBe(
        "PW_TENANT_EXISTS",
      );
      expect(await codeOf(() => pw.tenants.create({ ...acme, slug: "other" }))).toBe(
        "PW_TENANT_EXISTS",
      );
      expect(await codeOf(() => pw.tenants.create({ ...acme, fields: { admin: true } }))).toBe(
        "PW_TENANT_EXISTS",
      );
    });

    it("of many at the same time with one id exactly one succeeds", async () => {
      const codes = await Promise.all(
        Array.from({ length: 8 }, () => codeOf(() => pw.tenants.create(acme))),
      );
      expect(codes.filter((code) => code === undefined)).toHaveLength(1);
      expect(new Set(codes)).toEqual(new Set([undefined, "PW_TENANT_EXISTS"]));
      expect(await pw.run("acme", () => pw.current().status)).toBe("active");
      expect(log.filter((line) => line.startsWith("expel"))).toEqual([]);
    });

    it("a tenant deleted while it was provisioning does not come back, and the guards expel it", async () => {
      const update = store.update;
      store.update = async (id, version, patch) => {
        store.update = update;
        await update(id, version, { ...patch, status: "deleted" });
        return update(id, version, patch);
      };
      pw = createPartywall({ realm: "tenants", store, postgres: guard() });
      expect(await codeOf(() => pw.tenants.create(acme))).toBe("PW_TENANT_CONFLICT");
      expect(log).toEqual(["admit acme while provisioning", "expel acme while deleted"]);
    });

    it.each<[string, object]>([
      ["an empty id", { id: "" }],
      ["an id of 201 characters", { id: "a".repeat(201) }],
      ["an id with a line break", { id: "a\nb" }],
      ["an id with half a surrogate pair", { id: "\uDC00" }],
      ["a numeric id", { id: 7 }],
      ["a slug with capitals", { slug: "Acme" }],
      ["a slug that ends in a dash", { slug: "acme-" }],
      ["a slug of 64 characters", { slug: "a".repeat(64) }],
      ["a slug with a dot", { slug: "a.b" }],
      ["no slug", { slug: undefined }],
      ["a blank name", { name: " " }],
      ["a placement that cannot be entered", { placement: { strategy: "schema" } }],
      ["a placement that is none", { placement: "row" }],
      ["a Date in its fields", { fields: { since: new Date() } }],
      ["a bigint in its fields", { fields: { n: 1n } }],
      ["NaN in its fields", { fields: { n: Number.NaN } }],
      ["a NUL in its fields", { fields: { text: "\0" } }],
      ["fields that are a list", { fields: [] }],
    ])("refuses %s", async (_, change) => {
      expect(await codeOf(() => pw.tenants.create({ ...acme, ...change }))).toBe(
        "PW_TENANT_INVALID",
      );
      expect(await store.find({ id: "acme" })).toBeUndefined();
    });

    it("accepts ids and slugs up to their limits", async () => {
      for (const id of ["7", "a".repeat(200), "Ünïcødé 🧱", "with blank", "x'; drop table t; --"]) {
        await pw.tenants.create({ id, slug: `s-${randomUUID()}`, name: id });
        expect(await pw.run(id, () => pw.current().id)).toBe(id);
      }
      for (const slug of ["a", "7", "a--b", "a".repeat(63)])
        await pw.tenants.create({ slug, name: slug });
    });
  });

  describe("status", () => {
    beforeEach(async () => {
      await pw.tenants.create(acme);
      log.length = 0;
    });

    it("suspend shuts out in the registry first, then in the guards; restore the other way round", async () => {
      expect((await pw.tenants.suspend("acme")).status).toBe("suspended");
      expect(await codeOf(() => pw.run("acme", () => undefined))).toBe("PW_TENANT_SUSPENDED");
      expect((await pw.tenants.restore("acme")).status).toBe("active");
      expect(log).toEqual(["expel acme while suspended", "admit acme while suspended"]);
      expect(await pw.run("acme", () => pw.current().id)).toBe("acme");
    });

    it("a guard that fails to expel leaves the tenant suspended, and suspend can be repeated", async () => {
      failing.add("expel");
      expect(await codeOf(() => pw.tenants.suspend("acme"))).toBe("PW_GUARD_FAILED");
      expect(await codeOf(() => pw.run("acme", () => undefined))).toBe("PW_TENANT_SUSPENDED");
      failing.clear();
      expect((await pw.tenants.suspend("acme")).version).toBe(3);
      expect(log).toHaveLength(2);
    });

    it("a guard that fails to admit leaves the tenant suspended", async () => {
      await pw.tenants.suspend("acme");
      failing.add("admit");
      expect(await codeOf(() => pw.tenants.restore("acme"))).toBe("PW_GUARD_FAILED");
      expect(await codeOf(() => pw.run("acme", () => undefined))).toBe("PW_TENANT_SUSPENDED");
    });

    it("delete is final, can be repeated, and keeps the slug reserved", async () => {
      await pw.tenants.delete("acme");
      await pw.tenants.delete("acme");
      expect(log).toEqual(["expel acme while deleted", "expel acme while deleted"]);
      expect(await pw.tenants.find("acme")).toBeUndefined();
      for (const call of [
        () => pw.tenants.get("acme"),
        () => pw.tenants.restore("acme"),
        () => pw.tenants.suspend("acme"),
        () => pw.tenants.update("acme", { name: "Back" }),
        () => pw.tenants.delete("nobody"),
        () => pw.tenants.suspend("\n"),
      ]) {
        expect(await codeOf(call)).toBe("PW_TENANT_UNKNOWN");
      }
      expect(await codeOf(() => pw.tenants.create({ slug: "acme", name: "Squatter" }))).toBe(
        "PW_TENANT_EXISTS",
      );
      expect(await codeOf(() => pw.tenants.create(acme))).toBe("PW_TENANT_EXISTS");
    });

    it("a tenant still provisioning is neither suspended nor restored into life", async () => {
      failing.add("admit");
      await codeOf(() => pw.tenants.create({ id: "half", slug: "half", name: "Half" }));
      failing.clear();
      expect(await codeOf(() => pw.tenants.suspend("half"))).toBe("PW_TENANT_CONFLICT");
      expect(await codeOf(() => pw.tenants.restore("half"))).toBe("PW_TENANT_CONFLICT");
      await pw.tenants.delete("half");
    });

    it("a change that breaks off is read again, since it may have happened", async () => {
      await pw.run("acme", () => undefined);
      const update = store.update;
      const broken: TenantStore = {
        ...store,
        update: async (...args) => {
          await update(...args);
          throw new Error("connection lost");
        },
      };
      const other = createPartywall({ realm: "broken", store: broken });
      await other.run("acme", () => undefined);
      expect(await codeOf(() => other.tenants.suspend("acme"))).toBe("PW_REGISTRY_UNAVAILABLE");
      expect(await codeOf(() => other.run("acme", () => undefined))).toBe("PW_TENANT_SUSPENDED");
    });
  });

  describe("update", () => {
    it("changes name, slug and fields and nothing else, at once", async () => {
      const created = await pw.tenants.create(acme);
      await pw.run("acme", () => undefined);
      const record = await pw.tenants.update("acme", {
        name: "Acme Ltd",
        slug: "acme-ltd",
        fields: { plan: "pro" },
      });
      expect(record).toMatchObject({
        name: "Acme Ltd",
        slug: "acme-ltd",
        fields: { plan: "pro" },
        version: 3,
      });
      expect(record.createdAt).toBe(created.createdAt);
      expect(await pw.run("acme", () => pw.current())).toMatchObject({
        slug: "acme-ltd",
        fields: { plan: "pro" },
      });
      expect(await codeOf(() => pw.tenants.update("acme", { slug: "No" }))).toBe(
        "PW_TENANT_INVALID",
      );
      const sneaky = { status: "deleted", id: "globex", placement: { strategy: "schema" } };
      expect(await pw.tenants.update("acme", sneaky as never)).toMatchObject({
        id: "acme",
        status: "active",
        placement: { strategy: "row" },
      });
    });

    it("refuses a slug in use and a change that somebody else overtook", async () => {
      await pw.tenants.create(acme);
      await pw.tenants.create({ slug: "globex", name: "Globex" });
      expect(await codeOf(() => pw.tenants.update("acme", { slug: "globex" }))).toBe(
        "PW_TENANT_EXISTS",
      );
      // Both have read the record before one of them changes it.
      const { find } = store;
      let read = 0;
      store.find = async (key) => {
        const found = await find(key);
        read += 1;
        await vi.waitUntil(() => read >= 2);
        return found;
      };
      const codes = await Promise.all(
        ["a", "b"].map((name) => codeOf(() => pw.tenants.update("acme", { name }))),
      );
      expect(new Set(codes)).toEqual(new Set(["PW_TENANT_CONFLICT", undefined]));
    });
  });

  describe("list", () => {
    beforeEach(async () => {
      for (const id of ["e", "b", "d", "a", "c", "😀", "\uFFFD"]) {
        await pw.tenants.create({ id, slug: `s-${Buffer.from(id).toString("hex")}`, name: id });
      }
      await pw.tenants.suspend("b");
      await pw.tenants.delete("d");
    });

    it("pages by id, without the deleted unless asked", async () => {
      const first = await pw.tenants.list({ limit: 2 });
      expect([first.tenants.map(({ id }) => id), first.next]).toEqual([["a", "b"], "b"]);
      const second = await pw.tenants.list({ limit: 4, after: first.next! });
      expect([second.tenants.map(({ id }) => id), second.next]).toEqual([
        ["c", "e", "\uFFFD", "😀"],
        undefined,
      ]);
      const ids = async (status: never): Promise<string[]> =>
        (await pw.tenants.list({ status })).tenants.map(({ id }) => id);
      expect(await ids("deleted" as never)).toEqual(["d"]);
      expect(await ids(["suspended", "deleted"] as never)).toEqual(["b", "d"]);
      const all: string[] = [];
      for await (const { id } of pw.tenants.all({ status: "active" })) all.push(id);
      expect(all).toEqual(["a", "c", "e", "\uFFFD", "😀"]);
    });

    it.each([
      { limit: 0 },
      { limit: 1001 },
      { limit: 1.5 },
      { status: "gone" },
      { after: "" },
      { after: 7 },
    ])("refuses %j", async (options) => {
      expect(await codeOf(() => pw.tenants.list(options as never))).toBe("PW_TENANT_INVALID");
    });
  });

  describe("a schema of fields", () => {
    const plans = (async_: boolean): StandardSchemaV1<{ plan?: string }, { plan: string }> => ({
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => {
          const { plan = "free" } = value as { plan?: string };
          const result =
            plan === "free" || plan === "pro"
              ? { value: { plan } }
              : { issues: [{ message: `not a plan: ${plan}`, path: ["plan"] }] };
          return async_ ? Promise.resolve(result) : result;
        },
      },
    });

    it.each([false, true])(
      "is applied when written and when read (asynchronous: %s)",
      async (async_) => {
        const typed = createPartywall({ realm: "typed", store, tenant: { fields: plans(async_) } });
        await typed.tenants.create(acme);
        expect(await typed.run("acme", () => typed.current().fields.plan)).toBe("free");
        const error = await rejectionOf(() =>
          typed.tenants.update("acme", { fields: { plan: "secret" } }),
        );
        expect(error).toMatchObject({ code: "PW_TENANT_INVALID" });
        expect((error as Error).message).toContain("fields.plan");
        expect((error as Error).message).not.toContain("secret");
        const { version } = (await store.find({ id: "acme" }))!;
        await store.update("acme", version, {
          fields: { plan: "secret" },
          updatedAt: new Date().toISOString(),
        });
        const fresh = createPartywall({ realm: "fresh", store, tenant: { fields: plans(async_) } });
        expect(await codeOf(() => fresh.run("acme", () => undefined))).toBe("PW_REGISTRY_CONTRACT");
        await fresh.tenants.update("acme", { fields: { plan: "pro" } });
        expect(await fresh.run("acme", () => fresh.current().fields.plan)).toBe("pro");
        await typed.close();
        await fresh.close();
      },
    );
  });

  describe("ready and close", () => {
    it("ready prepares the store, then the guards; close closes everything once", async () => {
      store.init = async () => void log.push("init");
      store.close = async () => void log.push("store closed");
      const own = createPartywall({ realm: "own", store, postgres: guard() });
      expect(log).toEqual([]);
      await own.ready();
      await Promise.all([own.close(), own.close()]);
      expect(log).toEqual(["init", "ready", "close", "store closed"]);
      expect(await codeOf(() => own.run("acme", () => undefined))).toBe("PW_CONFIG");
    });

    it("close closes the rest when a guard cannot be closed, and says so", async () => {
      store.close = async () => void log.push("store closed");
      const stuck = { ...guard(), close: () => Promise.reject(new Error("stuck")) };
      const own = createPartywall({ realm: "own", store, postgres: stuck });
      const error = await rejectionOf(() => own.close());
      expect((error as AggregateError).errors).toMatchObject([{ message: "stuck" }]);
      expect(log).toEqual(["store closed"]);
    });

    it("a guard that refuses to be attached keeps the instance from being made, and frees the realm", () => {
      const realm = randomUUID();
      const secret = (letter: string): string => letter.repeat(32);
      const taken: Guard = {
        ...guard(),
        attach: () => {
          throw new Error("belongs to another instance");
        },
      };
      expect(() => createPartywall({ realm, secret: secret("a"), postgres: taken })).toThrow(
        "another instance",
      );
      expect(() => createPartywall({ realm, secret: secret("b") })).not.toThrow();
    });
  });
});
