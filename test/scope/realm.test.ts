import { createPartywall, registerScopeSource, type Partywall, type Scope } from "partywall";
import { afterEach, describe, expect, it, vi } from "vitest";
import { codeOf, here, SECRET, twoTenants } from "./instance.js";

const opened: Partywall[] = [];
async function open(options: Parameters<typeof twoTenants>[0] = {}): Promise<Partywall> {
  const pw = await twoTenants(options);
  opened.push(pw);
  return pw;
}
afterEach(async () => {
  for (const pw of opened.splice(0)) await pw.close();
});

describe("two realms", () => {
  it("do not see each other's tenants, however they are nested", async () => {
    const [a, b] = [await open(), await open()];
    await a.run("acme", async () => {
      expect([here(a), here(b)]).toEqual(["acme", undefined]);
      expect(await codeOf(() => b.current())).toBe("PW_NO_SCOPE");
      await b.run("globex", async () => {
        expect([here(a), here(b)]).toEqual(["acme", "globex"]);
        await a.run("acme", () => expect([here(a), here(b)]).toEqual(["acme", "globex"]));
        expect(await codeOf(() => a.run("globex", () => undefined))).toBe("PW_SCOPE_SWITCH");
        expect(await codeOf(() => a.central(() => undefined))).toBe("PW_SCOPE_SWITCH");
      });
      await b.central(() =>
        expect(a.bind(() => [here(a), b.scope()?.kind])()).toEqual(["acme", "central"]),
      );
    });
  });

  it("bind carries the scopes of both", async () => {
    const [a, b] = [await open(), await open()];
    const bound = await a.run("acme", () =>
      b.run("globex", () => a.bind(() => [here(a), here(b)])),
    );
    expect(bound()).toEqual(["acme", "globex"]);
  });
});

describe("one realm name", () => {
  it("is shared by instances with a secret in common, and refused to strangers until the first is closed", async () => {
    const realm = "shared";
    const first = await open({ realm });
    const rotated = await open({
      realm,
      secret: ["a newer secret of the tests, 32 or more", SECRET],
    });
    await first.run("acme", () => expect(here(rotated)).toBe("acme"));
    const stranger = (): Partywall =>
      createPartywall({ realm, secret: "another secret of the tests, 32 or more" });
    expect(await codeOf(stranger)).toBe("PW_CONFIG");
    await first.close();
    await first.close();
    expect(await codeOf(stranger)).toBe("PW_CONFIG");
    await rotated.close();
    opened.push(stranger());
  });

  it.each(["", " ", "a/b", "-a", "a".repeat(65), 7])("cannot be %j", async (realm) => {
    expect(await codeOf(() => createPartywall({ realm: realm as string }))).toBe("PW_CONFIG");
  });
});

describe("secrets", () => {
  it.each(["too short", ["a".repeat(32), ""], ["a".repeat(31)]])("cannot be %j", async (secret) => {
    expect(await codeOf(() => createPartywall({ secret, realm: "secrets" }))).toBe("PW_CONFIG");
  });

  it.each([undefined, "", []])("may be missing (%j) until one is needed", async (secret) => {
    const pw = await open({ secret });
    expect(await pw.run("acme", () => codeOf(() => pw.snapshot()))).toBe("PW_CONFIG");
    expect(await codeOf(() => pw.resume("a.b", () => undefined))).toBe("PW_CONFIG");
  });
});

describe("two copies of the module", () => {
  it("share one scope", async () => {
    const first = await open({ realm: "copies" });
    vi.resetModules();
    const copy = await import("partywall");
    expect(copy.createPartywall).not.toBe(createPartywall);
    const second = copy.createPartywall({ realm: "copies", secret: SECRET });
    await first.run("acme", async () => {
      expect(second.current().slug).toBe("acme");
      expect(
        await second.central(() => undefined).catch((error: { code: string }) => error.code),
      ).toBe("PW_SCOPE_SWITCH");
    });
    await second.close();
  });

  it("refuse to be loaded together when they cannot share it", async () => {
    const key = Symbol.for("partywall.scope");
    const own = Object.getOwnPropertyDescriptor(globalThis, key)!;
    Object.defineProperty(globalThis, key, { value: { version: 99 }, configurable: true });
    vi.resetModules();
    try {
      await expect(import("partywall")).rejects.toMatchObject({ code: "PW_INCOMPATIBLE_COPY" });
    } finally {
      Object.defineProperty(globalThis, key, own);
    }
  });
});

it("cannot be imported in an edge runtime, and says why", async () => {
  vi.stubGlobal("EdgeRuntime", "edge-runtime");
  vi.resetModules();
  await expect(import("partywall")).rejects.toThrow(/edge runtime.*nodejs/s);
  vi.unstubAllGlobals();
});

describe("scope sources", () => {
  it("are asked when the asynchronous context holds nothing, which wins otherwise", async () => {
    let held: Scope | undefined;
    const pw = await open({ sources: [{ get: () => held }] });
    held = await pw.run("acme", () => pw.scope());
    expect(here(pw)).toBe("acme");
    expect(await codeOf(() => pw.central(() => undefined))).toBe("PW_SCOPE_SWITCH");
    expect(await codeOf(() => pw.run("globex", () => undefined))).toBe("PW_SCOPE_SWITCH");
    const bound = await pw.run("acme", () => pw.bind(() => here(pw)));
    const fromSource = pw.bind(() => here(pw));
    held = undefined;
    held = await pw.run("globex", () => pw.scope());
    expect([here(pw), bound(), fromSource()]).toEqual(["globex", "acme", "acme"]);
    await pw.run("globex", async () => {
      held = undefined;
      expect(here(pw)).toBe("globex");
    });
  });

  it("of the process serve every instance, each only with scopes of its own realm", async () => {
    const [a, b] = [await open(), await open()];
    const held = await a.run("acme", () => a.scope());
    const remove = registerScopeSource({ get: () => held });
    expect([here(a), here(b)]).toEqual(["acme", undefined]);
    remove();
    expect(here(a)).toBeUndefined();
  });
});
