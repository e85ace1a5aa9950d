import {
  createPartywall,
  PartywallError,
  TenantContextError,
  type Partywall,
  type Scope,
} from "partywall";
import { memoryStore } from "partywall/registry";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codeOf, here, rejectionOf, twoTenants } from "./instance.js";

let pw: Partywall;
beforeEach(async () => {
  pw = await twoTenants();
});
afterEach(() => pw.close());

describe("current", () => {
  it("throws outside every scope, in a central and in a system scope", async () => {
    const codes = [
      await codeOf(() => pw.current()),
      await pw.central(() => codeOf(() => pw.current())),
      await pw.system({ reason: "test" }, () => codeOf(() => pw.current())),
    ];
    expect(codes).toEqual(["PW_NO_SCOPE", "PW_CENTRAL_SCOPE", "PW_CENTRAL_SCOPE"]);
    expect(() => pw.current()).toThrow(TenantContextError);
    expect(pw.tryCurrent()).toBeUndefined();
  });

  it("is the tenant without its placement", async () => {
    const tenant = await pw.run("acme", () => pw.current());
    expect(tenant).toEqual({
      id: "acme",
      slug: "acme",
      name: "acme",
      status: "active",
      fields: {},
    });
  });
});

describe("run", () => {
  it("enters synchronously once the tenant is cached", async () => {
    await pw.run("acme", () => undefined);
    let entered: string | undefined;
    const promise = pw.run("acme", () => {
      entered = here(pw);
    });
    expect(entered).toBe("acme");
    expect(here(pw)).toBeUndefined();
    await promise;
  });

  it.each([true, false])(
    "turns a synchronous throw into a rejection (cached: %s)",
    async (cached) => {
      if (cached) await pw.run("acme", () => undefined);
      const boom = new Error("boom");
      const promise = pw.run("acme", () => {
        throw boom;
      });
      expect(await rejectionOf(() => promise)).toBe(boom);
    },
  );

  it("answers each state of a tenant with its own error", async () => {
    await pw.tenants.suspend("globex");
    expect(await codeOf(() => pw.run("globex", () => undefined))).toBe("PW_TENANT_SUSPENDED");
    await pw.tenants.delete("globex");
    expect(await codeOf(() => pw.run("globex", () => undefined))).toBe("PW_TENANT_UNKNOWN");
    expect(await codeOf(() => pw.run("nobody", () => undefined))).toBe("PW_TENANT_UNKNOWN");
    const error = await rejectionOf(() => pw.run("nobody", () => undefined));
    expect(error).toMatchObject({ status: 404, expose: true });
  });

  it.each([
    ["an empty id", ""],
    ["a control character", "a\nb"],
    ["half a surrogate pair", "a\uD800"],
    ["an endless id", "a".repeat(201)],
    ["no slug", { slug: "Not A Slug" }],
  ])("does not ask the store for %s", async (_, key) => {
    const asked: unknown[] = [];
    const store = {
      ...memoryStore(),
      find: async (sought: unknown) => void asked.push(sought),
    };
    const strict = createPartywall({ realm: "strict", store });
    expect(await codeOf(() => strict.run(key, () => undefined))).toBe("PW_TENANT_UNKNOWN");
    expect(asked).toEqual([]);
  });

  it.each([undefined, null, 7, {}, { id: "acme", slug: "globex" }, { id: { $ne: "" } }, ["acme"]])(
    "refuses %j as the name of a tenant",
    async (key) => {
      expect(await codeOf(() => pw.run(key as never, () => undefined))).toBe("PW_TENANT_INVALID");
    },
  );

  it("shuts a suspended tenant out at once, also inside its own scope", async () => {
    // Bound where no scope is open, as an administrator's request would be.
    const suspend = pw.bind(() => pw.tenants.suspend("acme"));
    const code = await pw.run("acme", async () => {
      await suspend();
      return codeOf(() => pw.run("acme", () => undefined));
    });
    expect(code).toBe("PW_TENANT_SUSPENDED");
  });
});

describe("scopes", () => {
  it("are frozen to the bottom, and the caller's objects are not", async () => {
    const fields = { plan: { limits: [1, 2] } };
    await pw.tenants.create({ id: "deep", slug: "deep", name: "Deep", fields });
    const scope = await pw.run("deep", () => pw.scope() as Extract<Scope, { kind: "tenant" }>);
    const plan = scope.tenant.fields["plan"] as typeof fields.plan;
    for (const object of [
      scope,
      scope.tenant,
      scope.placement,
      scope.tenant.fields,
      plan,
      plan.limits,
    ]) {
      expect(Object.isFrozen(object)).toBe(true);
    }
    fields.plan.limits.push(3);
    expect(plan.limits).toEqual([1, 2]);
    expect(() => {
      (scope.tenant as { id: string }).id = "globex";
    }).toThrow(TypeError);
  });

  it("form a list by parent, and a nested run of the same tenant adds nothing to it", async () => {
    await pw.central(() =>
      pw.run("acme", async () => {
        const outer = pw.scope();
        expect(outer?.parent?.kind).toBe("central");
        await pw.run("acme", () => expect(pw.scope()).toBe(outer));
      }),
    );
  });

  it("are left when the function has settled", async () => {
    await pw.run("acme", async () => {
      await pw.run("acme", () => undefined);
      expect(here(pw)).toBe("acme");
    });
    expect(pw.scope()).toBeUndefined();
  });
});

it("errors are PartywallErrors with the catalogue's status", async () => {
  const error = await rejectionOf(() => pw.run("nobody", () => undefined));
  expect(error).toBeInstanceOf(PartywallError);
});
