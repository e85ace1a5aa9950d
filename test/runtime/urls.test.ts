import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { createPartywall } from "partywall";
import { chain, domain, path, subdomain } from "partywall/resolvers";
import { urls, type UrlOptions } from "partywall/runtime/urls";
import { describe, expect, it, onTestFinished } from "vitest";
import { codeOf, twoTenants } from "../scope/instance.js";

const SUBDOMAIN: UrlOptions = { base: "https://example.com", place: "subdomain" };
const PATH: UrlOptions = { base: "https://example.com:8443", place: "/t/:tenant" };
const DOMAIN: UrlOptions = { ...SUBDOMAIN, domain: ({ domains }) => domains[0] };

async function registry() {
  const pw = await twoTenants();
  onTestFinished(() => pw.close());
  await pw.tenants.addDomain("acme", "shop.acme.test");
  return pw;
}

describe("urls", () => {
  it.each([
    [SUBDOMAIN, "https://acme.example.com/invoices/7?a=b#c", "/invoices/7?a=b#c"],
    [PATH, "https://example.com:8443/t/acme/invoices/7?a=b#c", "/t/acme/invoices/7?a=b#c"],
    [DOMAIN, "https://shop.acme.test/invoices/7?a=b#c", "/invoices/7?a=b#c"],
    [
      { ...PATH, domain: DOMAIN.domain! },
      "https://shop.acme.test:8443/invoices/7?a=b#c",
      "/invoices/7?a=b#c",
    ],
    [
      { base: "http://localhost:3000", place: "subdomain" },
      "http://acme.localhost:3000/invoices/7?a=b#c",
      "/invoices/7?a=b#c",
    ],
  ] satisfies [UrlOptions, string, string][])(
    "keep the tenant by %j",
    async (options, to, relative) => {
      const pw = await registry();
      const url = urls(pw, options);
      await pw.run("acme", () => {
        expect(url.to("/invoices/7?a=b#c")).toBe(to);
        expect(url.path("/invoices/7?a=b#c")).toBe(relative);
      });
    },
  );

  it("take the place for a tenant without a domain", async () => {
    const pw = await registry();
    expect(await pw.run("globex", () => urls(pw, DOMAIN).to("/"))).toBe(
      "https://globex.example.com/",
    );
  });

  it("never address a tenant by a domain that is not its own", async () => {
    const pw = await registry();
    for (const other of ["evil.test", "shop.acme.test", "", "SHOP.acme.test"]) {
      const url = urls(pw, { ...SUBDOMAIN, domain: () => other });
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await codeOf(() => pw.run("globex", () => url.to("/")))).toBe("PW_CONFIG");
    }
  });

  it("are nobody's where no tenant is current", async () => {
    const pw = await registry();
    const url = urls(pw, SUBDOMAIN);
    const acme = await pw.tenants.get("acme");
    expect(await codeOf(() => url.to("/"))).toBe("PW_NO_SCOPE");
    expect(await codeOf(() => url.path("/"))).toBe("PW_NO_SCOPE");
    expect(await codeOf(() => url.for(acme))).toBe("PW_NO_SCOPE");
    expect(await codeOf(() => pw.central(() => url.to("/")))).toBe("PW_CENTRAL_SCOPE");
    expect(await codeOf(() => pw.central(() => url.for(acme)))).toBe("PW_CENTRAL_SCOPE");
    expect(await codeOf(() => pw.system({ reason: "mail" }, () => url.to("/")))).toBe(
      "PW_CENTRAL_SCOPE",
    );
  });

  it("are another tenant's only in a system scope", async () => {
    const pw = await registry();
    const url = urls(pw, DOMAIN);
    const [acme, globex] = [await pw.tenants.get("acme"), await pw.tenants.get("globex")];
    const both = await pw.system({ reason: "mail" }, () =>
      [acme, globex].map((one) => url.for(one).to("/x")),
    );
    expect(both).toEqual(["https://shop.acme.test/x", "https://globex.example.com/x"]);
    await pw.run("acme", async () => {
      expect(await codeOf(() => url.for(globex))).toBe("PW_SCOPE_SWITCH");
      // Its own, as the scope has it, whatever else is claimed.
      const claimed = { ...acme, slug: "globex", domains: ["evil.test"] };
      expect(url.for(claimed).to("/x")).toBe("https://shop.acme.test/x");
    });
    const seen: string[] = [];
    await pw.each((tenant) => void seen.push(`${tenant.id} ${url.to("/")}`));
    expect(seen.toSorted()).toEqual([
      "acme https://shop.acme.test/",
      "globex https://globex.example.com/",
    ]);
  });

  it.each([
    "",
    "x",
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "https://evil.test/",
    "javascript:alert(1)",
    "@evil.test",
    ":80/",
    ".evil.test/",
    "/..",
    "/../t/globex",
    "/./x",
    "/x/../../t/globex",
    "/%2e%2e/t/globex",
    "/.%2E/t/globex",
    "/a/%2E",
    "/a%2fb",
    "/a%5Cb",
    "/a//b",
    "/\t/evil.test",
    "/\n/evil.test",
    "/\r\nLocation: https://evil.test",
    "/a%0d%0ab",
    "/a\u0000",
    "/a%00",
    " /a",
    "/a ",
    "/\u00a0",
    "/\u200b",
    "/\ud800",
    "/%E0%A4%A",
    "/%",
    "/a?x=\\",
    "/a#\n",
    undefined,
    7,
    ["/a"],
  ])("refuse %j, which may lead elsewhere", async (given) => {
    const pw = await registry();
    await pw.run("acme", async () => {
      for (const options of [SUBDOMAIN, PATH, DOMAIN]) {
        expect(await codeOf(() => urls(pw, options).to(given as string))).toBe("PW_URL_REFUSED");
        expect(await codeOf(() => urls(pw, options).path(given as string))).toBe("PW_URL_REFUSED");
      }
    });
  });

  it("lead back to the very tenant by the resolvers that they mirror, whatever the path", async () => {
    const pw = await registry();
    const read = {
      subdomain: chain([subdomain("example.com"), domain(["example.com"])]),
      path: chain([path("/t/:tenant")]),
    };
    const piece = fc.constantFrom(
      "/",
      "//",
      "..",
      ".",
      "%2e",
      "%2f",
      "\\",
      "@",
      ":",
      "?",
      "#",
      "\t",
      "evil.test",
      "t",
      "globex",
      "é",
      "%41",
    );
    const text = fc.oneof(
      fc.webPath(),
      fc.array(piece, { maxLength: 8 }).map((all) => `/${all.join("")}`),
      fc.string(),
    );
    let built = 0;
    await pw.run("acme", () =>
      fc.assert(
        fc.asyncProperty(text, async (given) => {
          for (const options of [SUBDOMAIN, PATH]) {
            let to: string;
            try {
              to = urls(pw, options).to(given);
            } catch (error) {
              expect(error).toMatchObject({ code: "PW_URL_REFUSED" });
              continue;
            }
            built += 1;
            const { host, pathname, search } = new URL(to);
            const request = {
              method: "GET",
              host,
              url: pathname + search,
              headers: new Headers(),
              native: undefined,
            };
            const found = await read[options === PATH ? "path" : "subdomain"].resolve(request);
            expect(found.map(({ value }) => value)).toEqual(["acme"]);
            // From a page of the tenant, the relative address is the same.
            expect(new URL(urls(pw, options).path(given), to).href).toBe(to);
          }
        }),
        { numRuns: 500 },
      ),
    );
    expect(built).toBeGreaterThan(100);
  });

  it("encode an id in the path, and refuse one that cannot stand there", async () => {
    const pw = createPartywall({ realm: randomUUID() });
    onTestFinished(() => pw.close());
    const url = urls(pw, { ...PATH, by: "id" });
    const ids = {
      "a b?#%": "/t/a%20b%3F%23%25/x",
      "a/b": undefined,
      "..": undefined,
      "a\\b": undefined,
    };
    for (const [at, [id, expected]] of Object.entries(ids).entries()) {
      await pw.tenants.create({ id, slug: `t${at}`, name: "T" });
      const built = pw.run(id, () => url.path("/x"));
      if (expected === undefined) expect(await codeOf(() => built)).toBe("PW_CONFIG");
      else expect(await built).toBe(expected);
    }
  });

  it.each([
    { base: "example.com" },
    { base: "https://example.com/app" },
    { base: "https://example.com?x" },
    { base: "https://user@example.com" },
    { base: "https://example.com." },
    { base: "javascript:alert(1)" },
    { base: "ftp://example.com" },
    { base: "https://10.0.0.1" },
    { base: "https://[::1]" },
    { base: undefined },
    { place: "domain" },
    { place: undefined },
    { place: "/t" },
    { place: "/:tenant/:tenant" },
    { place: "//evil.test/:tenant" },
    { place: "/../:tenant" },
    { by: "id" },
    { by: "name" },
  ])("cannot be built with %j", async (wrong) => {
    const pw = await registry();
    expect(await codeOf(() => urls(pw, { ...SUBDOMAIN, ...wrong } as UrlOptions))).toBe(
      "PW_CONFIG",
    );
  });

  it("of a tenant whose slug makes no host are refused, not sent to another", async () => {
    const pw = await registry();
    const url = urls(pw, SUBDOMAIN);
    for (const slug of ["a.b", "evil.test/", "a@b", "A", "", undefined as never]) {
      const built = () =>
        pw.system({ reason: "t" }, () => url.for({ id: "x", slug, domains: [] }).to("/"));
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await codeOf(built)).toBe("PW_CONFIG");
    }
  });

  it("of a tenant whose slug is no Punycode are its own, or refused where the parser of Node.js does", async () => {
    const pw = await registry();
    const url = urls(pw, SUBDOMAIN);
    const built = await pw
      .system({ reason: "t" }, () => url.for({ id: "x", slug: "xn--a", domains: [] }).to("/"))
      .catch((error: { code: string }) => error.code);
    expect(["PW_CONFIG", "https://xn--a.example.com/"]).toContain(built);
  });
});
