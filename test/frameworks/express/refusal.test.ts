import express from "express";
import { SignJWT } from "jose";
import { PartywallError } from "partywall";
import { tenancy } from "partywall/frameworks/express";
import type { ExpressTenancyOptions, TenancyHost } from "partywall/frameworks/express";
import { header, subdomain } from "partywall/resolvers";
import { jwt } from "partywall/resolvers/jwt";
import { describe, expect, it, vi } from "vitest";
import { outcome } from "../../resolvers/request.js";
import { threeTenants, where } from "../instance.js";
import { ask, serve, shout } from "../http.js";
import type { Answer } from "../http.js";

type Options = ExpressTenancyOptions<
  express.Request,
  express.Response,
  unknown,
  Readonly<Record<string, unknown>>
>;

const bySlug = header("x-tenant");
const byId = header("x-tenant-id", { by: "id" });
const everybody = () => true;

/** An application whose one handler says where it runs, and counts how often it ran. */
async function application(options: Partial<Options>, host?: (pw: TenancyHost) => TenancyHost) {
  const pw = await threeTenants();
  const handled = vi.fn();
  const failed: unknown[] = [];
  const app = express();
  app.use(tenancy(host?.(pw) ?? pw, { resolve: [bySlug, byId], ...options } as Options));
  app.use((_req, res) => {
    handled();
    res.send(where(pw));
  });
  app.use(((error, _req, res, _next) => {
    failed.push(error);
    res.status(500).send("failed");
  }) satisfies express.ErrorRequestHandler);
  const port = await serve(app);
  return { pw, port, handled, failed };
}

const as = (tenant: string) => ({ headers: { "x-tenant": tenant } });
const visible = ({ status, headers, body }: Answer) => {
  const { date: _, ...rest } = headers;
  return { status, headers: rest, body };
};

describe("express: who is refused", () => {
  it("answers unknown, forbidden and, to outsiders, suspended in the same bytes", async () => {
    const authorize = vi.fn(() => false);
    const { port, handled } = await application({ authorize });
    const unknown = visible(await ask(port, as("nobody")));
    expect(unknown.status).toBe(404);
    expect(unknown.headers["content-type"]).toBe("application/problem+json");
    expect(unknown.headers["cache-control"]).toBe("no-store");
    expect(JSON.parse(unknown.body)).toEqual({
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: "Nothing answers to this request.",
      code: "PW_TENANT_UNKNOWN",
    });
    expect(visible(await ask(port, as("acme")))).toEqual(unknown);
    expect(visible(await ask(port, as("umbra")))).toEqual(unknown);
    expect(authorize).toHaveBeenCalledTimes(2);
    expect(handled).not.toHaveBeenCalled();
  });

  it("answers an outsider alike where every visitor may enter", async () => {
    const { port } = await application({ resolve: subdomain("example.com") });
    const host = (name: string) =>
      ask(port, { headers: { host: `${name}.example.com` } }).then(visible);
    expect(await host("umbra")).toEqual(await host("nobody"));
    expect((await host("acme")).body).toBe("acme");
  });

  it("tells a suspended tenant's own member, and nobody else", async () => {
    const { port } = await application({ authorize: everybody });
    const answer = await ask(port, as("umbra"));
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({ code: "PW_TENANT_SUSPENDED" });
  });

  it("refuses a tenant suspended between the lookup and the scope", async () => {
    const late = (pw: TenancyHost): TenancyHost => ({
      ...pw,
      run: () => Promise.reject(new PartywallError("PW_TENANT_SUSPENDED", "meanwhile")),
    });
    const member = await application({ authorize: everybody }, late);
    expect((await ask(member.port, as("acme"))).status).toBe(403);
    const visitor = await application({ resolve: header("x-tenant", { trust: "a test" }) }, late);
    expect((await ask(visitor.port, as("acme"))).status).toBe(404);
    expect(member.handled).not.toHaveBeenCalled();
    expect(visitor.handled).not.toHaveBeenCalled();
  });

  it("answers 404 when the request names no tenant", async () => {
    const principal = vi.fn();
    const { port, handled } = await application({ authorize: everybody, principal });
    const answer = await ask(port);
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toMatchObject({ code: "PW_TENANT_UNRESOLVED" });
    expect(principal).not.toHaveBeenCalled();
    expect(handled).not.toHaveBeenCalled();
  });

  it("answers 503 when the registry is down", async () => {
    const { port, handled } = await application({ authorize: everybody }, (pw) => ({
      run: pw.run,
      central: pw.central,
      tenants: {
        find: () =>
          Promise.reject(new PartywallError("PW_REGISTRY_UNAVAILABLE", "db-7.internal is down")),
      },
    }));
    const answer = await ask(port, as("acme"));
    expect(answer.status).toBe(503);
    expect(answer.body).not.toContain("internal");
    expect(handled).not.toHaveBeenCalled();
  });

  it("cannot be given two tenants by two resolvers", async () => {
    const authorize = vi.fn(everybody);
    const { port, handled } = await application({ authorize });
    const both = (slug: string, id: string) =>
      ask(port, { headers: { "x-tenant": slug, "x-tenant-id": id } });
    const conflict = await both("acme", "t-globex");
    expect(conflict.status).toBe(400);
    expect(JSON.parse(conflict.body)).toMatchObject({ code: "PW_TENANT_AMBIGUOUS" });
    expect(authorize).not.toHaveBeenCalled();
    expect(handled).not.toHaveBeenCalled();
    expect((await both("acme", "t-acme")).body).toBe("acme");
  });

  it("cannot learn from a conflict whether a tenant exists", async () => {
    const { port } = await application({ authorize: ({ tenant }) => tenant.slug === "acme" });
    const pair = (slug: string, id: string) =>
      ask(port, { headers: { "x-tenant": slug, "x-tenant-id": id } }).then(visible);
    const guess = await pair("nobody", "t-acme");
    expect(guess.status).toBe(400);
    // My own tenant with a guess that exists, one that is suspended; two guesses; the two names of a foreign tenant.
    expect(await pair("globex", "t-acme")).toEqual(guess);
    expect(await pair("umbra", "t-acme")).toEqual(guess);
    expect(await pair("nobody", "t-nobody")).toEqual(guess);
    expect(await pair("globex", "t-globex")).toEqual(guess);
  });

  it.each(["", "a b", "../acme", "acme%00", "ACME.", "a".repeat(64), "' or 1=1 --"])(
    "answers 400 to the malformed tenant %j",
    async (tenant) => {
      const { port, handled } = await application({ authorize: everybody });
      const answer = await ask(port, as(tenant));
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body)).toMatchObject({ code: "PW_TENANT_INVALID" });
      expect(handled).not.toHaveBeenCalled();
    },
  );

  it("cannot be given two tenants by sending one header twice", async () => {
    const { port } = await application({ authorize: everybody });
    expect((await ask(port, { headers: { "x-tenant": ["acme", "globex"] } })).status).toBe(400);
  });

  it("cannot be given a tenant by a forwarded host", async () => {
    const { port } = await application({ resolve: subdomain("example.com") });
    const headers = { host: "example.com", "x-forwarded-host": "acme.example.com" };
    expect((await ask(port, { headers })).status).toBe(404);
  });

  it.each([
    "GET / HTTP/1.1\r\nHost: acme.example.com\r\nHost: globex.example.com\r\n",
    "GET http://globex.example.com/ HTTP/1.1\r\nHost: acme.example.com\r\n",
    "GET http://acme.example.com@globex.example.com/ HTTP/1.1\r\nHost: acme.example.com\r\n",
  ])("cannot be given two hosts: %j", async (head) => {
    const { port, handled } = await application({ resolve: subdomain("example.com") });
    expect(await shout(port, `${head}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
    expect(handled).not.toHaveBeenCalled();
  });

  it("cannot be given two tokens by two Authorization headers, of which Node.js shows one", async () => {
    const key = new TextEncoder().encode("a secret of at least thirty-two bytes");
    const { port, handled } = await application({ resolve: jwt({ key }) });
    const sign = (tid: string) =>
      new SignJWT({ tid }).setProtectedHeader({ alg: "HS256" }).setExpirationTime("5m").sign(key);
    const [one, two] = [await sign("t-acme"), await sign("t-globex")];
    const head = (...tokens: string[]) =>
      `GET / HTTP/1.1\r\nHost: x\r\n${tokens.map((token) => `Authorization: Bearer ${token}\r\n`).join("")}`;
    expect(await shout(port, `${head(one, two)}Connection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 400 /,
    );
    expect(handled).not.toHaveBeenCalled();
    expect(await shout(port, `${head(two)}Connection: close\r\n\r\n`)).toMatch(/globex$/);
  });

  it("never falls from a bad token to the header", async () => {
    const key = new TextEncoder().encode("a secret of at least thirty-two bytes");
    const { port, handled } = await application({
      resolve: [jwt({ key }), bySlug],
      authorize: everybody,
    });
    const headers = { "x-tenant": "acme", authorization: "Bearer e30.e30.AAAA" };
    expect((await ask(port, { headers })).status).toBe(400);
    expect(handled).not.toHaveBeenCalled();
    expect((await ask(port, as("acme"))).body).toBe("acme");
  });

  it("takes the header as earlier middleware left it, not as the client sent it", async () => {
    const pw = await threeTenants();
    const app = express();
    app.use((req, _res, next) => {
      req.headers["x-tenant"] = "acme";
      next();
    });
    app.use(tenancy(pw, { resolve: header("x-tenant", { trust: "overwritten above" }) }));
    app.use((_req, res) => void res.send(where(pw)));
    const port = await serve(app);
    expect((await ask(port, as("globex"))).body).toBe("acme");
  });

  it("names the headers that decided in Vary, so that no cache mixes tenants up", async () => {
    const { port } = await application({ authorize: everybody });
    expect((await ask(port, as("acme"))).headers.vary).toBe("x-tenant, x-tenant-id");
    expect((await ask(port, as("nobody"))).headers.vary).toBe("x-tenant, x-tenant-id");
  });
});

describe("express: authorize", () => {
  it.each([
    ["false", () => false],
    ["a promise of false", async () => false],
    ["a truthy record", () => ({ allowed: false })],
    ["a promise of a truthy record", async () => ({ role: "none" })],
    ["1", () => 1],
    ['"true"', () => "true"],
    ["undefined", () => undefined],
    ["a promise of undefined", async () => undefined],
  ])("denies by returning %s", async (_, answer) => {
    const { port, handled } = await application({ authorize: answer as unknown as () => boolean });
    expect((await ask(port, as("acme"))).status).toBe(404);
    expect(handled).not.toHaveBeenCalled();
  });

  it.each([
    [
      "throwing",
      () => {
        throw new Error("members.db is gone");
      },
    ],
    ["rejecting", () => Promise.reject(new Error("members.db is gone"))],
  ])("never admits by %s, and the error reaches Express", async (_, authorize) => {
    const { port, handled, failed } = await application({ authorize });
    expect((await ask(port, as("acme"))).status).toBe(500);
    expect(failed).toEqual([new Error("members.db is gone")]);
    expect(handled).not.toHaveBeenCalled();
  });

  it("does not turn a refusal thrown by the application's own code into an answer", async () => {
    const { port, failed } = await application({
      authorize: () =>
        Promise.reject(new PartywallError("PW_TENANT_SUSPENDED", "some other tenant")),
    });
    expect((await ask(port, as("acme"))).status).toBe(500);
    expect(failed).toHaveLength(1);
  });

  it("is given the tenant, what named it, the awaited principal and the request", async () => {
    const seen: unknown[] = [];
    const { port } = await application({
      principal: async (req) => ({ user: req.headers["x-user"] }),
      authorize: ({ tenant, identifier, identifiers, principal, req }) => {
        seen.push(
          Object.keys(tenant),
          tenant.id,
          identifier,
          identifiers.length,
          principal,
          req.path,
        );
        return true;
      },
    });
    await ask(port, {
      path: "/a",
      headers: { "x-tenant": "acme", "x-tenant-id": "t-acme", "x-user": "ada" },
    });
    expect(seen).toEqual([
      ["id", "slug", "name", "status", "fields"],
      "t-acme",
      { by: "slug", value: "acme", resolver: "header:x-tenant" },
      2,
      { user: "ada" },
      "/a",
    ]);
  });

  it("cannot be passed because the principal is a promise", async () => {
    const { port } = await application({
      principal: async () => undefined,
      authorize: ({ principal }) => Boolean(principal),
    });
    expect((await ask(port, as("acme"))).status).toBe(404);
  });

  it("fails alike for every tenant when the principal cannot be found", async () => {
    const { port, handled } = await application({
      principal: () => Promise.reject(new Error("no session store")),
      authorize: everybody,
    });
    for (const tenant of ["acme", "umbra", "nobody"])
      expect((await ask(port, as(tenant))).status).toBe(500);
    expect(handled).not.toHaveBeenCalled();
  });

  it("runs in no scope, so that it can read memberships in a central one", async () => {
    const seen: string[] = [];
    const pw = await threeTenants();
    const app = express().use(
      tenancy(pw, {
        resolve: bySlug,
        principal: () => void seen.push(where(pw)),
        authorize: () => pw.central(() => seen.push(where(pw)) > 0),
      }),
    );
    app.use((_req, res) => void res.send(where(pw)));
    expect((await ask(await serve(app), as("acme"))).body).toBe("acme");
    expect(seen).toEqual(["PW_NO_SCOPE", "PW_CENTRAL_SCOPE"]);
  });
});

describe("express: routes, hooks and construction", () => {
  const routes: NonNullable<Options["routes"]> = async (req) =>
    req.path === "/health" ? "central" : req.path === "/home" ? "universal" : "tenant";

  it("runs a central route without a tenant, whatever the request names", async () => {
    const { port } = await application({ authorize: everybody, routes });
    for (const headers of [{}, { "x-tenant": "acme" }, { "x-tenant": "no body" }])
      expect((await ask(port, { path: "/health", headers })).body).toBe("PW_CENTRAL_SCOPE");
  });

  it("runs a universal route in the tenant named, in none when none is, and never past a refusal", async () => {
    const { port } = await application({ authorize: everybody, routes });
    expect((await ask(port, { path: "/home", ...as("acme") })).body).toBe("acme");
    expect((await ask(port, { path: "/home" })).body).toBe("PW_CENTRAL_SCOPE");
    expect((await ask(port, { path: "/home", ...as("nobody") })).status).toBe(404);
    expect((await ask(port, { path: "/home", ...as("no body") })).status).toBe(400);
  });

  it.each(["public", undefined, true])(
    "cannot be talked past by routes returning %j",
    async (kind) => {
      const { port, handled } = await application({
        authorize: everybody,
        routes: () => kind as "tenant",
      });
      expect((await ask(port, as("acme"))).status).toBe(500);
      expect(handled).not.toHaveBeenCalled();
    },
  );

  it("tells the log the true reason and the client's page only the public one", async () => {
    const reasons: unknown[] = [];
    const pages: unknown[] = [];
    const { port } = await application({
      authorize: () => false,
      onRefusal: async ({ error, tenant, identifiers }, req) => {
        reasons.push([error.code, tenant?.slug, identifiers.length, req.path]);
      },
      render: async (problem, _req, res) => {
        pages.push(problem);
        res.status(problem.status).send("nothing here");
      },
    });
    expect((await ask(port, as("acme"))).body).toBe("nothing here");
    expect((await ask(port, as("nobody"))).body).toBe("nothing here");
    expect(reasons).toEqual([
      ["PW_TENANT_FORBIDDEN", "acme", 1, "/"],
      ["PW_TENANT_UNKNOWN", undefined, 1, "/"],
    ]);
    expect(pages[0]).toEqual(pages[1]);
  });

  it.each(["onRefusal", "render"])("answers 500, and not the page, when %s fails", async (hook) => {
    const { port, failed } = await application({
      authorize: () => false,
      [hook]: () => Promise.reject(new Error("log is full")),
    });
    expect((await ask(port, as("acme"))).status).toBe(500);
    expect(failed).toEqual([new Error("log is full")]);
  });

  it("keeps the options it was built with", async () => {
    const options = { resolve: [bySlug], authorize: (): boolean => false };
    const pw = await threeTenants();
    const app = express().use(tenancy(pw, options));
    options.authorize = everybody;
    expect((await ask(await serve(app), as("acme"))).status).toBe(404);
  });

  it.each([
    ["a spoofable resolver alone", { resolve: [bySlug] }],
    [
      "a spoofable resolver beside one that is not",
      { resolve: [subdomain("example.com"), bySlug] },
    ],
    ["authorize undefined", { resolve: [subdomain("example.com")], authorize: undefined }],
    ["authorize that is no function", { resolve: [bySlug], authorize: true }],
    ["authorize misspelt", { resolve: [subdomain("example.com")], authorise: everybody }],
    ["a principal nobody judges", { resolve: [subdomain("example.com")], principal: () => "ada" }],
    ["no resolver", { resolve: [] }],
    ["no options", undefined],
  ])("cannot be built with %s", async (_, options) => {
    const pw = await threeTenants();
    expect(await outcome(() => tenancy(pw, options as unknown as Options))).toBe("PW_CONFIG");
  });

  it("says in its error which resolver nobody vouches for", async () => {
    const pw = await threeTenants();
    expect(() => tenancy(pw, { resolve: [bySlug] })).toThrow(/header:x-tenant/);
  });
});
