import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { PartywallError, type Partywall } from "partywall";
import type { TenancyHost } from "partywall/frameworks/fetch";
import { cookie, header, path, query, subdomain } from "partywall/resolvers";
import { describe, expect, it, onTestFinished } from "vitest";
import { SKIPPED_FOR } from "../../support/skipped-reporter.js";
import { threeTenants, watched, where } from "../instance.js";
import { ask, dial, shout, type Answer } from "../http.js";
import type { Capability, FrameworkHost, Handlers, Options } from "./host.js";

const as = (tenant: string, more: Record<string, string> = {}) => ({
  headers: { "x-tenant": tenant, ...more },
});
const visible = ({ status, headers, body }: Answer) => {
  const { date: _, ...rest } = headers;
  return { status, headers: rest, body };
};
const TENANTS = ["acme", "globex"] as const;

/** The suite that every framework passes, through real HTTP. */
export function frameworkSuite(framework: FrameworkHost): void {
  const { name, missing = {} } = framework;

  /** An application of the framework, what it saw, and how often one of its handlers ran. */
  async function application(
    given: Partial<Options> = {},
    change: (host: TenancyHost, pw: Partywall) => TenancyHost = (host) => host,
  ) {
    const pw = await threeTenants();
    const seen: string[] = [];
    let handled = 0;
    const counted = <Result>(fn: () => Result): Result => {
      handled += 1;
      return fn();
    };
    const handlers: Handlers = {
      where: () => counted(() => where(pw)),
      who: () => counted(() => JSON.stringify(pw.principal() ?? null)),
      slow: () =>
        counted(async () => {
          const before = where(pw);
          await sleep(Math.random() * 5);
          return `${before} ${where(pw)}`;
        }),
      echo: (body) => counted(async () => `${where(pw)} ${body}`),
      throws: () =>
        counted(() => {
          throw new Error(where(pw));
        }),
      rejects: () =>
        counted(async () => {
          await sleep(1);
          throw new Error(where(pw));
        }),
      chunks: () => counted(() => stream(pw, seen)),
      failed: (error) => `${(error as Error).message} ${where(pw)}`,
    };
    const left: string[] = [];
    const host = change(
      watched(pw, (id) => left.push(id)),
      pw,
    );
    const port = await framework.serve(
      host,
      {
        resolve: [header("x-tenant"), header("x-tenant-id", { by: "id" })],
        principal: async (req) => framework.header(req as never, "x-user"),
        authorize: async () => sleep(1, true),
        routes: (req) => {
          const at = framework.path(req as never);
          return at === "/central" ? "central" : at === "/universal" ? "universal" : "tenant";
        },
        ...given,
      },
      handlers,
      (stop) => onTestFinished(async () => void (await stop())),
    );
    return { pw, port, seen, left, handled: () => handled };
  }

  const unless = (capability: Capability, title: string, test: () => Promise<void>) => {
    const reason = missing[capability];
    const why = reason === undefined ? "" : `${SKIPPED_FOR}${name}: ${reason}`;
    // oxlint-disable-next-line vitest/expect-expect -- the test that is given has them
    it.skipIf(reason !== undefined)(title + why, test);
  };

  describe(`${name}: the scope of a request`, () => {
    it("never mixes two tenants under load on shared connections", async () => {
      const { port } = await application();
      const agent = new Agent({ keepAlive: true, maxSockets: 4 });
      onTestFinished(() => agent.destroy());
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, at) => {
          const tenant = TENANTS[at % 2] ?? "";
          const answer = await ask(port, { path: "/slow", agent, ...as(tenant) });
          return answer.body === `${tenant} ${tenant}`;
        }),
      );
      expect(answers.filter((right) => !right)).toEqual([]);
    });

    it("carries no scope from one request to the next on a kept connection", async () => {
      const { port } = await application();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      onTestFinished(() => agent.destroy());
      const bodies: string[] = [];
      for (const [at, headers] of [
        ["/where", { "x-tenant": "acme" }],
        ["/central", { "x-tenant": "acme" }],
        ["/where", { "x-tenant": "globex" }],
        ["/universal", {}],
        ["/where", {}],
      ] as const) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other on one connection
        bodies.push((await ask(port, { path: at, headers: { ...headers }, agent })).body);
      }
      expect(bodies.slice(0, 4)).toEqual([
        "acme",
        "PW_CENTRAL_SCOPE",
        "globex",
        "PW_CENTRAL_SCOPE",
      ]);
      expect(JSON.parse(bodies[4] ?? "")).toMatchObject({ code: "PW_TENANT_UNRESOLVED" });
    });

    it("keeps pipelined requests of two tenants apart", async () => {
      const { port } = await application();
      const one = (tenant: string, last = false) =>
        `GET /slow HTTP/1.1\r\nHost: a\r\nX-Tenant: ${tenant}\r\n${last ? "Connection: close\r\n" : ""}\r\n`;
      const answer = await shout(port, one("acme") + one("globex") + one("acme", true));
      expect(answer.match(/(acme|globex) \1/g)).toEqual([
        "acme acme",
        "globex globex",
        "acme acme",
      ]);
    });

    it("keeps the body that arrives while the request is being admitted", async () => {
      const { port } = await application({ authorize: () => sleep(30, true) });
      const headers = { "x-tenant": "acme", "content-type": "text/plain" };
      const body = "x".repeat(70_000);
      const answer = await ask(port, { path: "/echo", method: "POST", headers, body });
      expect(answer.body).toBe(`acme ${body}`);
    });

    it("lasts to the last byte of a streaming response", async () => {
      const { port, left, seen } = await application();
      const answers = await Promise.all(
        TENANTS.map((tenant) => ask(port, { path: "/stream", ...as(tenant) })),
      );
      for (const [at, tenant] of TENANTS.entries())
        expect(answers[at]?.body).toBe(`${tenant}\n`.repeat(5));
      await expect.poll(() => left.toSorted()).toEqual(["t-acme", "t-globex"]);
      expect(seen.toSorted()).toEqual(["acme ended", "globex ended"]);
    });

    it("is left cleanly when the client goes away in the middle of a stream", async () => {
      const { port, left, seen } = await application();
      const req = httpRequest({
        host: "127.0.0.1",
        port,
        path: "/stream",
        ...as("acme", { "x-user": "endless" }),
      });
      req.on("error", () => undefined).end();
      const [res] = (await once(req, "response")) as [IncomingMessage];
      res.on("error", () => undefined);
      await once(res, "data");
      expect(left).toEqual([]);
      req.destroy();
      await expect.poll(() => left).toEqual(["t-acme"]);
      await expect.poll(() => seen).toEqual(["acme ended"]);
    });

    it("is not opened for a client that went away while it was being admitted", async () => {
      let admit: (yes: boolean) => void = () => undefined;
      const { port, handled, left } = await application({
        authorize: () => new Promise<boolean>((resolve) => (admit = resolve)),
        onRefusal: () => undefined,
      });
      const socket = await dial(port);
      const asked = admit;
      socket.write("GET /where HTTP/1.1\r\nHost: a\r\nX-Tenant: acme\r\n\r\n");
      await expect.poll(() => admit !== asked).toBe(true);
      socket.destroy();
      // Until the server has heard of it.
      await sleep(50);
      admit(true);
      await expect.poll(() => left).toEqual(["t-acme"]);
      expect(handled()).toBe(0);
    });

    it("is that of the request in whose handler something throws", async () => {
      const { port, left } = await application();
      for (const at of ["/throw", "/reject"]) {
        const answers = await Promise.all(
          TENANTS.map((tenant) => ask(port, { path: at, ...as(tenant) })),
        );
        expect(answers.map(({ status }) => status)).toEqual([500, 500]);
        for (const [index, tenant] of TENANTS.entries())
          expect(answers[index]?.body.startsWith(tenant)).toBe(true);
      }
      await expect.poll(() => left.length).toBe(4);
    });

    unless("error handler in scope", "holds in the application's error handler", async () => {
      const { port } = await application();
      for (const at of ["/throw", "/reject"])
        expect((await ask(port, { path: at, ...as("acme") })).body).toBe("acme acme");
    });

    it("knows who is acting: the principal, or what enterAs makes of it", async () => {
      const plain = await application();
      const headers = { "x-tenant": "acme", "x-user": "ada" };
      expect((await ask(plain.port, { path: "/who", headers })).body).toBe('"ada"');
      const role = await application({
        enterAs: async ({ tenant, principal }) => ({
          user: principal as string,
          role: `owner of ${tenant.slug}`,
        }),
      });
      const { body } = await ask(role.port, { path: "/who", headers });
      expect(JSON.parse(body)).toEqual({ user: "ada", role: "owner of acme" });
    });
  });

  describe(`${name}: who is refused`, () => {
    it("answers unknown, forbidden and, to outsiders, suspended in the same bytes", async () => {
      const { port, handled } = await application({ authorize: async () => false });
      const unknown = visible(await ask(port, as("nobody")));
      expect(unknown.status).toBe(404);
      expect(unknown.headers["content-type"]).toMatch(/^application\/problem\+json/);
      expect(unknown.headers["cache-control"]).toBe("no-store");
      expect(JSON.parse(unknown.body)).toMatchObject({ status: 404, code: "PW_TENANT_UNKNOWN" });
      expect(visible(await ask(port, as("acme")))).toEqual(unknown);
      expect(visible(await ask(port, as("umbra")))).toEqual(unknown);
      expect(handled()).toBe(0);
    });

    it("tells a suspended tenant's own member, and nobody else", async () => {
      const { port, handled } = await application();
      const answer = await ask(port, as("umbra"));
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body)).toMatchObject({ code: "PW_TENANT_SUSPENDED" });
      expect(handled()).toBe(0);
    });

    it("answers 404 when the request names no tenant, and 503 when the registry is down", async () => {
      const { port, handled } = await application();
      expect(JSON.parse((await ask(port)).body)).toMatchObject({ code: "PW_TENANT_UNRESOLVED" });
      const down = await application({}, (host) => ({
        ...host,
        tenants: {
          find: () => Promise.reject(new PartywallError("PW_REGISTRY_UNAVAILABLE", "down")),
        },
      }));
      const answer = await ask(down.port, as("acme"));
      expect([answer.status, JSON.parse(answer.body).code]).toEqual([
        503,
        "PW_REGISTRY_UNAVAILABLE",
      ]);
      expect(handled() + down.handled()).toBe(0);
    });

    it("refuses identifiers that conflict, and learns nobody from it which tenants exist", async () => {
      const { port, handled } = await application();
      const both = (id: string) => ask(port, as("acme", { "x-tenant-id": id })).then(visible);
      const conflict = await both("t-globex");
      expect([conflict.status, JSON.parse(conflict.body).code]).toEqual([
        400,
        "PW_TENANT_AMBIGUOUS",
      ]);
      expect(await both("t-nobody")).toEqual(conflict);
      expect(await both("t-umbra")).toEqual(conflict);
      expect(handled()).toBe(0);
      expect((await both("t-acme")).body).toBe("acme");
    });

    it("refuses a path, a query, a cookie and a host that name another tenant than the header", async () => {
      const { port, handled } = await application({
        resolve: [
          header("x-tenant"),
          path("/t/:tenant"),
          query("tenant"),
          cookie("tenant"),
          subdomain("example.com"),
        ],
      });
      const others = [
        { path: "/t/globex/orders" },
        { path: "/where?tenant=globex" },
        { headers: { cookie: "tenant=globex" } },
        { headers: { host: "globex.example.com" } },
      ];
      for (const other of others) {
        // oxlint-disable-next-line no-await-in-loop -- each by itself
        const answer = await ask(port, {
          ...other,
          headers: { "x-tenant": "acme", ...other.headers },
        });
        expect(JSON.parse(answer.body)).toMatchObject({ code: "PW_TENANT_AMBIGUOUS" });
        // oxlint-disable-next-line no-await-in-loop -- each by itself
        const alone = await ask(port, other);
        expect(alone.body).toBe("globex");
      }
      expect(handled()).toBe(others.length);
    });

    it("refuses what is sent twice, is malformed, or comes by a forwarded host", async () => {
      const { port, handled } = await application({
        resolve: [header("x-tenant"), subdomain("example.com")],
      });
      const codeOf = async (headers: Record<string, string | string[]>, at = "/where") =>
        JSON.parse((await ask(port, { path: at, headers })).body).code as string;
      expect(await codeOf({ "x-tenant": ["acme", "globex"] })).toBe("PW_TENANT_AMBIGUOUS");
      expect(await codeOf({ "x-tenant": "" })).toBe("PW_TENANT_INVALID");
      expect(await codeOf({ "x-tenant": "a/../globex" })).toBe("PW_TENANT_INVALID");
      expect(await codeOf({ "x-forwarded-host": "acme.example.com" })).toBe("PW_TENANT_UNRESOLVED");
      expect(await codeOf({ host: "acme.example.com.evil.org" })).toBe("PW_TENANT_UNRESOLVED");
      expect(handled()).toBe(0);
    });

    it("never takes a path for another tenant's than the framework's router does", async () => {
      const routed: string[] = [];
      const { port } = await application({
        resolve: path("/t/:tenant"),
        routes: (req) => {
          routed.push(framework.path(req as never));
          return "tenant";
        },
      });
      const targets = [
        "/t/acme/../globex",
        "/t/globex/%2e%2e/acme",
        "/x/../t/acme",
        "/t/acme%2f..%2fglobex",
        "/t/acme/",
      ];
      for (const target of targets) {
        routed.length = 0;
        // oxlint-disable-next-line no-await-in-loop -- each by itself
        const answer = await shout(
          port,
          `GET ${target} HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n`,
        );
        const entered = /(?:^|\s)(acme|globex)\s*(?:0\s*)?$/.exec(answer)?.[1];
        const asRouted = /^\/t\/(acme|globex)\/?$/.exec(routed[0] ?? "")?.[1];
        expect([target, entered]).toEqual([target, asRouted]);
      }
    });

    unless("two Host headers", "refuses two Host headers", async () => {
      const { port, handled } = await application({ resolve: subdomain("example.com") });
      const answer = await shout(
        port,
        "GET /where HTTP/1.1\r\nHost: acme.example.com\r\nHost: globex.example.com\r\nConnection: close\r\n\r\n",
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400/);
      expect(handled()).toBe(0);
    });

    unless("absolute-form target", "refuses a target that names another host", async () => {
      const { port, handled } = await application({ resolve: subdomain("example.com") });
      const answer = await shout(
        port,
        "GET http://globex.example.com/where HTTP/1.1\r\nHost: acme.example.com\r\nConnection: close\r\n\r\n",
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400/);
      expect(handled()).toBe(0);
    });

    it("cannot be passed because the principal is a promise, nor by a truthy answer", async () => {
      const promised = await application({
        principal: async () => undefined,
        authorize: ({ principal }) => Boolean(principal),
      });
      expect((await ask(promised.port, as("acme"))).status).toBe(404);
      const truthy = await application({ authorize: (() => ({ ok: false })) as never });
      expect((await ask(truthy.port, as("acme"))).status).toBe(404);
      expect(promised.handled() + truthy.handled()).toBe(0);
    });

    it("gives what a hook throws to the application, and admits nobody", async () => {
      for (const hook of ["principal", "authorize", "routes", "onRefusal"] as const) {
        const fails = { [hook]: () => Promise.reject(new Error(`no ${hook}`)) };
        // oxlint-disable-next-line no-await-in-loop -- each by itself
        const { port, handled } = await application(fails);
        const tenant = hook === "onRefusal" ? "nobody" : "acme";
        // oxlint-disable-next-line no-await-in-loop -- each by itself
        const { status } = await ask(port, as(tenant));
        expect([hook, status, handled()]).toEqual([hook, 500, 0]);
      }
    });
  });

  describe(`${name}: routes and answers`, () => {
    it("runs a central route without a tenant, and a universal one in the tenant that is named", async () => {
      const { port } = await application();
      const body = async (at: string, headers: Record<string, string> = {}) =>
        (await ask(port, { path: at, headers })).body;
      expect(await body("/central", { "x-tenant": "acme" })).toBe("PW_CENTRAL_SCOPE");
      expect(await body("/universal")).toBe("PW_CENTRAL_SCOPE");
      expect(await body("/universal", { "x-tenant": "acme" })).toBe("acme");
      const refused = await body("/universal", { "x-tenant": "nobody" });
      expect(JSON.parse(refused)).toMatchObject({ code: "PW_TENANT_UNKNOWN" });
    });

    it("names the headers that decided in Vary, so that no cache mixes tenants up", async () => {
      const { port } = await application();
      for (const at of ["/where", "/slow", "/stream", "/central"]) {
        // oxlint-disable-next-line no-await-in-loop -- each by itself
        const { headers } = await ask(port, { path: at, ...as("acme") });
        expect(headers.vary).toMatch(/x-tenant.*x-tenant-id/i);
      }
      expect((await ask(port, as("nobody"))).headers.vary).toMatch(/x-tenant/i);
    });

    it("tells the log the true reason", async () => {
      const told: unknown[] = [];
      const { port } = await application({
        authorize: () => false,
        onRefusal: ({ error, tenant }) => void told.push([error.code, tenant?.id]),
      });
      await ask(port, as("acme"));
      await ask(port, as("nobody"));
      expect(told).toEqual([
        ["PW_TENANT_FORBIDDEN", "t-acme"],
        ["PW_TENANT_UNKNOWN", undefined],
      ]);
    });

    it("answers HEAD and an empty body, and leaves the scope", async () => {
      const { port, left } = await application();
      expect((await ask(port, { path: "/where", method: "HEAD", ...as("acme") })).status).toBe(200);
      await expect.poll(() => left).toEqual(["t-acme"]);
    });
  });
}

/** Five chunks, or chunks for ever where the principal is called so, each saying where it was made. */
async function* stream(pw: Partywall, seen: string[]): AsyncGenerator<string, void> {
  const first = where(pw);
  const isEndless = pw.principal() === "endless";
  try {
    const many = isEndless ? Infinity : 5;
    for (let n = 0; n < many; n += 1) {
      await sleep(first === "acme" ? 3 : 2);
      yield `${where(pw)}\n`;
    }
  } finally {
    seen.push(`${where(pw)} ended`);
  }
}
