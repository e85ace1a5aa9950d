import fc from "fast-check";
import { subdomain } from "partywall/resolvers";
import type { SubdomainOptions } from "partywall/resolvers";
import { describe, expect, it } from "vitest";
import { outcome, request } from "./request.js";

const ask = (host: string | undefined, options?: SubdomainOptions) =>
  outcome(() =>
    subdomain("example.com", options).resolve(request(host === undefined ? {} : { host })),
  );
const acme = { by: "slug", value: "acme" };

describe("subdomain", () => {
  it.each([
    "acme.example.com",
    "ACME.Example.COM",
    "acme.example.com:8443",
    "acme.example.com.",
    "acme.example.com.:80",
    "acme.example.com:",
  ])("finds acme in %s", async (host) => {
    expect(await ask(host)).toEqual(acme);
  });

  it.each([
    undefined,
    "",
    "example.com",
    "example.com:443",
    "www.example.com",
    "evilexample.com",
    "acme.evilexample.com",
    "acme.example.com.evil.com",
    "example.org",
    "127.0.0.1:3000",
    "[::1]:3000",
    "[::ffff:127.0.0.1]",
  ])("names no tenant for %s", async (host) => {
    expect(await ask(host)).toBeUndefined();
  });

  it.each([
    "a.acme.example.com",
    ".example.com",
    "..example.com",
    "acme..example.com",
    "acme.example.com..",
    "acme.example.com:80:80",
    "acme.example.com:x",
    "acme.example.com/..",
    "acme.example.com@evil.com",
    "evil.com@acme.example.com",
    "ac me.example.com",
    "ac\u212aer.example.com",
    "acme\u0000.example.com",
    `${"a.".repeat(200)}example.com`,
  ])("cannot be talked into a tenant by %j", async (host) => {
    expect(await ask(host)).toBe("PW_TENANT_INVALID");
  });

  it("cannot be given two hosts", async () => {
    expect(await ask("acme.example.com, globex.example.com")).toBe("PW_TENANT_AMBIGUOUS");
  });

  it("gives a tenant the names below its own only when told to", async () => {
    expect(await ask("admin.acme.example.com", { nested: true })).toEqual(acme);
    expect(await ask("acme.www.example.com", { nested: true })).toBeUndefined();
    expect(await ask("globex@acme.x.example.com", { nested: true })).toBe("PW_TENANT_INVALID");
  });

  it("ignores the labels it is told to ignore, and then only those", async () => {
    expect(await ask("api.example.com", { ignore: ["API"] })).toBeUndefined();
    expect(await ask("www.example.com", { ignore: ["API"] })).toEqual({ by: "slug", value: "www" });
  });

  it("never reads X-Forwarded-Host", async () => {
    const headers = {
      "x-forwarded-host": "globex.example.com",
      forwarded: "host=globex.example.com",
    };
    const resolver = subdomain("example.com");
    expect(await resolver.resolve(request({ host: "acme.example.com", headers }))).toEqual(acme);
    expect(await resolver.resolve(request({ headers }))).toBeUndefined();
  });

  it.each([
    "",
    ".example.com",
    "example.com.",
    "https://example.com",
    "example.com:80",
    "*.example.com",
    "10.0.0.1",
  ])("cannot be built on %j", async (base) => {
    expect(await outcome(() => subdomain(base))).toBe("PW_CONFIG");
  });

  it("finds a tenant only in a host that ends in the base domain, whatever it is sent", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary-ascii" }), async (junk) => {
        const found = await ask(`${junk}example.com`);
        if (typeof found === "object") expect(junk).toMatch(/^[a-z0-9-]+\.$/i);
      }),
    );
  });
});
