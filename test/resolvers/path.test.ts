import fc from "fast-check";
import { chain, path } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

const at = (url: string, pattern = "/t/:tenant") =>
  outcome(() => path(pattern).resolve(request({ url })));

describe("path", () => {
  it.each([
    ["/t/acme", "/t/:tenant"],
    ["/t/acme/", "/t/:tenant"],
    ["/t/acme/orders/7?x=/t/globex#/t/umbra", "/t/:tenant"],
    ["http://example.com/t/acme", "/t/:tenant"],
    ["/acme", "/:tenant"],
    ["/api/v1/acme/x", "/api/v1/:tenant"],
    ["/acme/shop/x", "/:tenant/shop"],
    ["/t/%61cme", "/t/:tenant"],
  ])("finds acme in %s by %s", async (url, pattern) => {
    expect(await at(url, pattern)).toEqual({ by: "slug", value: "acme" });
  });

  it.each(["/", "/t", "/t/", "/T/acme", "/x/t/acme", "/tt/acme", "/?/t/acme", "/orders/acme"])(
    "names no tenant in %s",
    async (url) => {
      expect(await at(url)).toBeUndefined();
    },
  );

  it.each([
    "/t/acme/../globex",
    "/t/./acme",
    "/x/../t/acme",
    "/t/%2e%2e/acme",
    "/t/acme/%2E%2E/globex",
    "//t/acme",
    "/t//acme",
    "/t/acme//globex",
    "/t/acme%2Fglobex",
    "/t/acme%2fglobex",
    "/t/acme\\..\\globex",
    "/t/acme%5Cglobex",
    "/t/%E0%A4%A",
  ])("refuses %s, which a router and a proxy may read in two ways", async (url) => {
    expect(await at(url)).toBe("PW_TENANT_INVALID");
  });

  it.each(["/t/acme%00", "/t/acme%0d%0a", "/t/acme%20", "/t/аcme", "/t/acme."])(
    "leads to no tenant by %j",
    async (url) => {
      const resolvers = chain([path("/t/:tenant")]);
      expect(await outcome(() => resolvers.resolve(request({ url })))).toBe("PW_TENANT_INVALID");
    },
  );

  it("never finds a tenant that is not the very segment of the path", async () => {
    await fc.assert(
      fc.asyncProperty(fc.webPath(), async (url) => {
        const found = await at(url, "/:tenant");
        if (typeof found !== "object") return;
        const { value } = found as { value: string };
        expect(decodeURIComponent(url.split("/")[1] ?? "")).toBe(value);
        // What a WHATWG parser makes of it begins with the same segment.
        const { pathname } = new URL(url, "http://example.com");
        expect(decodeURIComponent(pathname.split("/")[1] ?? "")).toBe(value);
      }),
    );
  });

  it.each(["", "t/:tenant", "/t", "/:tenant/:tenant", "/t//:tenant", "/t/:id", "/../:tenant"])(
    "cannot be built with the pattern %j",
    async (pattern) => {
      expect(await outcome(() => path(pattern))).toBe("PW_CONFIG");
    },
  );

  it("is an address, so that it is not counted as spoofable", () => {
    expect(path("/t/:tenant").spoofable).toBe(false);
  });
});
