import { registerScopeSource, type Partywall, type Scope } from "partywall";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codeOf, here, rejectionOf, twoTenants } from "./instance.js";

const REASON = "This is kept for everybody. Use the helper.";

describe("where a source withholds scopes", () => {
  let pw: Partywall;
  let isShared = false;
  let held: Scope | undefined;
  let remove: () => void;
  const denied: string[] = [];
  const shared = <T>(fn: () => T): T => {
    isShared = true;
    try {
      return fn();
    } finally {
      isShared = false;
    }
  };

  beforeEach(async () => {
    pw = await twoTenants({
      audit: (event) => void (event.type === "denied" && denied.push(event.code)),
    });
    remove = registerScopeSource({
      get: () => held,
      withheld: () => (isShared ? REASON : undefined),
    });
  });
  afterEach(async () => {
    remove();
    held = undefined;
    denied.length = 0;
    await pw.close();
  });

  it("no tenant is seen, whether the AsyncLocalStorage or a source holds it", async () => {
    await pw.run("acme", () => {
      expect([here(pw), shared(() => here(pw)), here(pw)]).toEqual(["acme", undefined, "acme"]);
      held = pw.scope();
    });
    expect([here(pw), shared(() => here(pw))]).toEqual(["acme", undefined]);
    expect(await rejectionOf(() => shared(() => pw.current()))).toMatchObject({
      code: "PW_NO_SCOPE",
      message: REASON,
    });
    expect(await rejectionOf(() => shared(() => pw.snapshot()))).toMatchObject({ message: REASON });
  });

  it("no tenant's scope is opened, of a known tenant or an unknown one, and neither is a system scope", async () => {
    for (const open of [
      () => pw.run("acme", () => "in"),
      () => pw.run({ slug: "acme" }, () => "in"),
      () => pw.run("unknown", () => "in"),
      () => pw.each(() => "in"),
      () => pw.system({ reason: "a test" }, () => "in"),
      () => pw.tenants.updateSettings("acme", {}),
    ])
      for (const around of [(fn: () => unknown) => fn(), (fn: () => unknown) => pw.run("acme", fn)])
        expect(await rejectionOf(() => around(() => shared<unknown>(open)))).toMatchObject({
          code: "PW_NO_SCOPE",
          message: REASON,
        });
    expect(new Set(denied)).toEqual(new Set(["PW_NO_SCOPE"]));
  });

  it("shared tables can be used, inside a tenant's scope too", async () => {
    await pw.run("acme", async () => {
      expect(await codeOf(() => pw.central(() => "in"))).toBe("PW_SCOPE_SWITCH");
      expect(await shared(() => pw.central(() => pw.scope()?.kind))).toBe("central");
      expect(here(pw)).toBe("acme");
    });
  });
});
