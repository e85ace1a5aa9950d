import { cookie } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

const sent = (value: string) =>
  outcome(() => cookie("tenant").resolve(request({ headers: { cookie: value } })));

describe("cookie", () => {
  it.each([
    ["tenant=acme", "acme"],
    ["theme=dark; tenant=acme; x=1", "acme"],
    ["theme=dark;tenant=acme", "acme"],
    ['tenant="acme"', "acme"],
    ["tenant=a%2Db", "a-b"],
    ["tenant=", ""],
    ["tenant=a=b", "a=b"],
  ])("reads %s", async (header, value) => {
    expect(await sent(header)).toEqual({ by: "slug", value });
  });

  it.each(["theme=dark", "xtenant=acme", "tenant-x=acme", "Tenant=acme", "tenant", ""])(
    "names no tenant in %j",
    async (header) => {
      expect(await sent(header)).toBeUndefined();
    },
  );

  it.each([
    "tenant=acme; tenant=globex",
    "tenant=acme;tenant=acme",
    "tenant=acme, tenant=globex",
    "x=1; tenant=acme; y=2; tenant=globex",
  ])("cannot be given two tenants by %s", async (header) => {
    expect(await sent(header)).toBe("PW_TENANT_AMBIGUOUS");
  });

  it("refuses what is not well encoded", async () => {
    expect(await sent("tenant=%E0%A4%A")).toBe("PW_TENANT_INVALID");
  });

  it("is spoofable, and the answer varies by it", () => {
    expect(cookie("tenant")).toMatchObject({ spoofable: true, vary: ["cookie"] });
  });

  it.each(["", "a b", "a=b", "a;b", "ä"])("cannot read a cookie called %j", async (name) => {
    expect(await outcome(() => cookie(name))).toBe("PW_CONFIG");
  });

  it("cannot be misspelt", async () => {
    expect(await outcome(() => cookie("tenant", { trusted: "yes" } as object))).toBe("PW_CONFIG");
  });
});
