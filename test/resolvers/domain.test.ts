import { chain, domain, subdomain } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

const at = (host: string | undefined) =>
  outcome(() =>
    domain(["example.com", "Example.NET"]).resolve(request(host === undefined ? {} : { host })),
  );

describe("domain", () => {
  it.each(["shop.acme.com", "Shop.ACME.com", "shop.acme.com.", "shop.acme.com:8443"])(
    "finds the domain in %s",
    async (host) => {
      expect(await at(host)).toEqual({ by: "domain", value: "shop.acme.com" });
    },
  );

  it.each([
    undefined,
    "",
    "example.com",
    "EXAMPLE.com.:80",
    "acme.example.com",
    "a.b.example.net",
    "localhost:3000",
    "127.0.0.1",
    "127.0.0.1:3000",
    "[::1]:3000",
  ])("names no tenant in %s", async (host) => {
    expect(await at(host)).toBeUndefined();
  });

  it("takes hosts below a single label for the application's own, as in development", async () => {
    const local = (host: string) => outcome(() => domain(["localhost"]).resolve(request({ host })));
    expect(await local("acme.localhost:3000")).toBeUndefined();
    expect(await local("acme.test")).toEqual({ by: "domain", value: "acme.test" });
  });

  it("takes a look-alike of an own domain for a stranger's", async () => {
    for (const host of ["evilexample.com", "example.com.evil.org", "xn--exmple-cua.com"])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await at(host)).toMatchObject({ by: "domain" });
  });

  it.each(["a.com, b.com", "a.com,a.com"])("cannot be given two hosts by %s", async (host) => {
    expect(await at(host)).toBe("PW_TENANT_AMBIGUOUS");
  });

  it.each(["a.com/x", "user@a.com", "a.com#x", "a b.com", "a.com\\b"])(
    "refuses %s, which is no host",
    async (host) => {
      expect(await at(host)).toBe("PW_TENANT_INVALID");
    },
  );

  it("stands beside subdomains without contradicting them", async () => {
    const both = chain([subdomain("example.com"), domain(["example.com"])]);
    const found = async (host: string) => (await both.resolve(request({ host })))[0];
    expect(await found("acme.example.com")).toMatchObject({ by: "slug", value: "acme" });
    expect(await found("shop.acme.com")).toMatchObject({ by: "domain", value: "shop.acme.com" });
  });

  it("cannot be built without saying which domains are the application's own", async () => {
    expect(await outcome(() => domain(undefined as never))).toBe("PW_CONFIG");
    expect(await outcome(() => domain("example.com" as never))).toBe("PW_CONFIG");
    expect(await outcome(() => domain(["https://example.com"]))).toBe("PW_CONFIG");
    expect(await outcome(() => domain([], { own: [] } as object))).toBe("PW_CONFIG");
  });
});
