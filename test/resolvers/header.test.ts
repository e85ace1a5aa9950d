import { header } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

describe("header", () => {
  it("finds a slug, or an id when told so", async () => {
    const headers = { "x-tenant": "Acme" };
    expect(await header("X-Tenant").resolve(request({ headers }))).toEqual({
      by: "slug",
      value: "Acme",
    });
    expect(await header("x-tenant", { by: "id" }).resolve(request({ headers }))).toEqual({
      by: "id",
      value: "Acme",
    });
  });

  it("names no tenant when the header is absent", async () => {
    expect(await header("x-tenant").resolve(request())).toBeUndefined();
  });

  it("cannot be given two tenants by sending the header twice", async () => {
    const headers: [string, string][] = [
      ["x-tenant", "acme"],
      ["X-Tenant", "globex"],
    ];
    expect(await outcome(() => header("x-tenant").resolve(request({ headers })))).toBe(
      "PW_TENANT_AMBIGUOUS",
    );
  });

  it("is spoofable, whatever is said in its favour", () => {
    expect(header("x-tenant").spoofable).toBe(true);
    expect(header("x-tenant", { trust: "stripped by the gateway" }).spoofable).toBe(true);
  });

  it.each(["", "x tenant", "x-tenant:", "x\ntenant"])(
    "cannot read a header called %j",
    async (name) => {
      expect(await outcome(() => header(name))).toBe("PW_CONFIG");
    },
  );

  it("cannot be misspelt", async () => {
    expect(await outcome(() => header("x-tenant", { trusted: "yes" } as object))).toBe("PW_CONFIG");
  });
});
