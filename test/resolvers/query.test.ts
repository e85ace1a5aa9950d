import { query } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

const at = (url: string) => outcome(() => query("tenant").resolve(request({ url })));

describe("query", () => {
  it("finds a slug, or an id when told so, wherever it stands", async () => {
    expect(await at("/orders?page=2&tenant=acme#top")).toEqual({ by: "slug", value: "acme" });
    expect(await at("/?tenant=a%2Db+c")).toEqual({ by: "slug", value: "a-b c" });
    expect(await query("t", { by: "id" }).resolve(request({ url: "/?t=T1" }))).toEqual({
      by: "id",
      value: "T1",
    });
  });

  it.each(["/", "/orders?", "/?other=acme", "/tenant=acme", "/?Tenant=acme", "/#?x=1"])(
    "names no tenant in %s",
    async (url) => {
      expect(await at(url)).toBeUndefined();
    },
  );

  it.each([
    "/?tenant=acme&tenant=globex",
    "/?tenant=acme&tenant=acme",
    "/?tenant=acme&tenant[]=globex",
    "/?tenant[]=acme",
    "/?tenant[0]=acme",
    "/?tenant.id=acme",
    "/?tenant=acme&%74enant=globex",
  ])("cannot be given two readings by %s", async (url) => {
    expect(await at(url)).toBe("PW_TENANT_AMBIGUOUS");
  });

  it("is spoofable, whatever is said in its favour", () => {
    expect(query("tenant").spoofable).toBe(true);
    expect(query("tenant", { trust: "signed links" })).toMatchObject({
      spoofable: true,
      trust: "signed links",
    });
  });

  it("cannot be misspelt or unnamed", async () => {
    expect(await outcome(() => query(""))).toBe("PW_CONFIG");
    expect(await outcome(() => query("tenant", { trusted: "yes" } as object))).toBe("PW_CONFIG");
  });
});
