import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSite, type Site } from "../../guards/postgres/site.js";
import { describeEngine } from "../../support/engine.js";
import { buildNext, type NextApp, type NextServer } from "../../support/next-app.js";
import { ask, dial, shout, type Ask } from "../http.js";

const TENANTS = ["acme", "globex"] as const;
const NOTES = `create table notes (tenant_id text not null, id integer primary key generated always as identity, text text not null)`;

describeEngine("postgres", "Next.js", () => {
  let site: Site;
  let app: NextApp;
  let server: NextServer;

  beforeAll(async () => {
    site = await buildSite(NOTES);
    await site.build({ tables: ["notes"] });
    for (const tenant of TENANTS)
      await site.superuser.query("insert into notes (tenant_id, text) values ($1, $2)", [
        tenant,
        `a note of ${tenant}`,
      ]);
    app = await buildNext(join(import.meta.dirname, "fixtures/app"));
    server = await app.start({ env: logins() });
  }, 300_000);
  afterAll(async () => {
    await server?.stop();
    app?.remove();
    await site?.close();
  });

  const logins = () => ({
    APP_URL: site.login(site.roles.app),
    SYSTEM_URL: site.login(site.roles.system),
  });
  const get = (tenant: string, path: string, { headers = {}, ...more }: Ask = {}) =>
    ask(server.port, { path, headers: { host: `${tenant}.example.test`, ...headers }, ...more });
  const noteOf = (tenant: string) => `a note of ${tenant}`;
  // What stands after `what:` in the page; the same text stands in its scripts too, in another form.
  const said = (body: string, what: string) =>
    new RegExp(`${what}:([^;]*);`).exec(
      body.replaceAll(/<script[\s\S]*?<\/script>|<!--.*?-->/g, "").replaceAll("&#x27;", "'"),
    )?.[1];
  const page = async (tenant: string, path: string, what: string) =>
    said((await get(tenant, path)).body, what);
  const json = async (tenant: string, path: string) =>
    JSON.parse((await get(tenant, path)).body) as Record<string, unknown>;
  const watch = () =>
    json("nobody", "/watch") as Promise<{
      open: number;
      asked: number;
      told: string[];
      sources: number;
    }>;

  describe("requests of two tenants", () => {
    it("see their own rows in layout, metadata, page, streamed parts, routes and streams, interleaved under load", async () => {
      await Promise.all(
        Array.from({ length: 60 }, async (_, at) => {
          const tenant = TENANTS[at % 2]!;
          const seen = `${tenant} ${noteOf(tenant)}`;
          const { body } = await get(tenant, "/in/page-of");
          expect(["layout", "meta", "page", "late"].map((part) => said(body, part))).toEqual(
            Array.from({ length: 4 }, () => seen),
          );
          expect((await get(tenant, "/route")).body).toBe(`${tenant} ${seen}`);
          expect((await get(tenant, "/stream")).body).toBe(`${seen};`.repeat(3));
        }),
      );
    });

    it("are decided upon once, however many parts of a page enter", async () => {
      const { asked } = await watch();
      await get("acme", "/in/page-of");
      expect((await watch()).asked - asked).toBe(1);
    });

    it("see no tenant in a page that has not entered", async () => {
      for (const tenant of TENANTS)
        expect(await page(tenant, "/outside/not-entered", "none")).toBe("nobody");
    });

    it("are answered 404 where nobody lives, whatever the client's headers hint at", async () => {
      const headers = {
        "x-tenant": "globex",
        "x-forwarded-host": "globex.example.test",
        "x-partywall-address": "e30.e30",
      };
      expect((await get("nobody", "/in/page-of", { headers })).status).toBe(404);
      const refused = await get("nobody", "/route", { headers });
      expect([refused.status, refused.headers["content-type"]]).toEqual([
        404,
        "application/problem+json",
      ]);
      expect((await get("acme", "/route", { headers })).body).toContain(noteOf("acme"));
      expect(said((await get("acme", "/in/page-of", { headers })).body, "page")).toContain(
        noteOf("acme"),
      );
    });

    it("reach no handler by a target that names another host", async () => {
      for (const path of ["/route", "/in/page-of"]) {
        const answer = await shout(
          server.port,
          `GET http://globex.example.test${path} HTTP/1.1\r\nhost: acme.example.test\r\nconnection: close\r\n\r\n`,
        );
        expect(answer).toMatch(/^HTTP\/1\.1 308/);
        expect(answer).not.toContain("a note of");
      }
    });

    it("are told where tenants cannot be looked up, instead of that nobody lives there", async () => {
      const { body } = await get("acme", "/outside/down");
      expect(said(body, "fault")).toMatch(/^PW_REGISTRY_UNAVAILABLE: /);
      expect(said(body, "scope")).toBe("nothing");
    });

    it("keep their tenant in after(), in pages and routes", async () => {
      for (const tenant of TENANTS)
        for (const what of ["page", "route"]) await get(tenant, `/after/${what}`);
      await expect
        .poll(async () => (await watch()).told.toSorted())
        .toEqual(
          TENANTS.flatMap((tenant) => [
            `page ${tenant} ${noteOf(tenant)}`,
            `route ${tenant} ${noteOf(tenant)}`,
          ]).toSorted(),
        );
    });

    it("leave no scope open behind them", async () => {
      await expect.poll(async () => (await watch()).open).toBe(0);
    });
  });

  describe("a stream whose client goes away", () => {
    it("is cancelled in its tenant, and its scope is left", async () => {
      const socket = await dial(server.port);
      socket.write("GET /endless HTTP/1.1\r\nhost: acme.example.test\r\n\r\n");
      await new Promise((some) => socket.once("data", some));
      expect((await watch()).open).toBe(1);
      socket.destroy();
      await expect.poll(async () => (await watch()).open).toBe(0);
      expect((await watch()).told).toContain("cancelled in acme");
    });
  });

  describe("a server action", () => {
    const send = async (tenant: string, text: string) => {
      const form = (await get(tenant, "/outside/act")).body;
      const fields = [...form.matchAll(/<input[^>]*name="(\$[^"]+)"(?:[^>]*value="([^"]*)")?/g)];
      expect(fields).not.toEqual([]);
      const data = new FormData();
      for (const [, name = "", value = ""] of fields) data.append(name, value);
      for (const [name, value] of Object.entries({ text, tenant: "globex", tenant_id: "globex" }))
        data.append(name, value);
      const sent = new Response(data);
      return get(tenant, "/outside/act", {
        method: "POST",
        headers: { "content-type": sent.headers.get("content-type")! },
        body: await sent.text(),
      });
    };

    it("writes into the tenant of its own request, and its scope ends with it", async () => {
      const { status, body } = await send("acme", "written");
      expect(status).toBe(200);
      // Rendered in the same request, after the action.
      expect(said(body, "after")).toBe("nobody");
      const { rows } = await site.superuser.query(
        "select tenant_id from notes where text = 'written of acme'",
      );
      expect(rows).toEqual([{ tenant_id: "acme" }]);
      expect((await get("globex", "/route")).body).not.toContain("written");
      await site.superuser.query("delete from notes where text like 'written%'");
    });

    it("does not run where nobody lives", async () => {
      expect((await send("nobody", "stray")).status).toBe(404);
      const { rows } = await site.superuser.query("select 1 from notes where text like 'stray%'");
      expect(rows).toEqual([]);
    });
  });

  describe("a cache that all tenants share", () => {
    const named = /^PW_NO_SCOPE: .*cache\(fn, keys\) of tenancy\(\)/;

    it("has no tenant in a page, and the error names the helper and not pw.run()", async () => {
      for (const tenant of TENANTS) {
        const { body } = await get(tenant, "/misused-page");
        for (const what of ["name", "rows"]) {
          expect(said(body, what)).toMatch(named);
          expect(said(body, what)).not.toContain("pw.run");
        }
      }
    });

    it("has none in a route either, whoever opens a scope around it, inside of it, or by the helper further out", async () => {
      for (const tenant of TENANTS) {
        const { central, tried, eachInside, keyed, ...refused } = await json(
          tenant,
          "/misused/route",
        );
        expect(Object.keys(refused)).toHaveLength(8);
        for (const [way, told] of Object.entries(refused)) {
          expect(`${way} ${String(told)}`).toMatch(new RegExp(`^${way} ${named.source.slice(1)}`));
          expect(told).not.toContain("pw.run");
        }
        expect(eachInside).toMatch(named);
        expect(keyed).toMatch(/^PW_CONFIG: .*use cache\(\) of tenancy\(\)/);
        expect([central, tried]).toEqual(["shared tables", "nobody"]);
      }
    });

    it("has none while a stream is pulled", async () => {
      for (const tenant of TENANTS)
        expect((await get(tenant, "/misused/pull")).body).toMatch(named);
    });

    it("has none in 'use cache'", async () => {
      for (const tenant of TENANTS) {
        const { outside, crossed, ...refused } = await json(tenant, "/use-cache/misused");
        expect(Object.keys(refused)).toHaveLength(6);
        for (const [way, told] of Object.entries(refused))
          expect(`${way} ${String(told)}`).toMatch(new RegExp(`^${way} ${named.source.slice(1)}`));
        expect(crossed).toMatch(/^PW_SCOPE_SWITCH: /);
        expect(outside).toMatch(/^PW_CONFIG: .*keyed\(\)/);
      }
    });
  });

  describe("the helpers", () => {
    it.each([
      ["cache()", "/in/cached", "rows"],
      ["cache() in cache()", "/in/cached", "outer"],
      ["keyed() in 'use cache'", "/use-cache/page", "rows"],
    ])("keep a result for each tenant: %s", async (_helper, path, what) => {
      const first = await Promise.all(TENANTS.map((tenant) => page(tenant, path, what)));
      expect(first.map((text) => text?.replace(/ [\d.]+$/, ""))).toEqual(TENANTS.map(noteOf));
      for (const [at, tenant] of TENANTS.entries())
        expect(await page(tenant, path, what)).toBe(first[at]);
    });
  });

  it("cache() keeps nothing of who acts, since its result is for everybody in the tenant", async () => {
    for (const user of ["ada", "bob"]) {
      const { body } = await get("acme", "/acting", { headers: { "x-user": user } });
      expect(body).toBe(`${user}, cached for undefined`);
    }
  });

  describe("what is made before any request", () => {
    it("is no page that enters, and no route", () => {
      for (const path of ["in/page-of", "in/cached", "route", "t/[tenant]"])
        expect(app.printed).toContain(`ƒ /${path}\n`);
    });

    it("has no tenant, whoever opens a scope", async () => {
      expect(app.printed).toContain("○ /outside/built\n");
      expect(await page("acme", "/outside/built", "built")).toMatch(/^PW_NO_SCOPE: .*prerendered/);
    });

    it("has none with force-static, which a page and a route are told", async () => {
      for (const tenant of TENANTS) {
        const { body } = await get(tenant, "/outside/forced/1");
        expect(said(body, "forced")).toMatch(/^PW_CONFIG: .*force-static/);
        expect(body).not.toContain("a note of");
        expect((await get(tenant, "/outside/forced-route/1")).body).toMatch(
          /^PW_CONFIG: .*force-static/,
        );
      }
    });
  });

  describe("a resolver that reads the path", () => {
    it("finds the tenant in a page whose address the proxy hands on", async () => {
      for (const tenant of TENANTS) {
        const { body } = await get("www", `/t/${tenant}`);
        expect([said(body, "scope"), said(body, "rows")]).toEqual(["tenant", noteOf(tenant)]);
      }
    });

    it("is not led elsewhere by a client that writes the proxy's header", async () => {
      const address = Buffer.from(
        JSON.stringify({ url: "/t/globex", host: "www.example.test" }),
      ).toString("base64url");
      for (const forged of [`${address}.`, `${address}.e30.e30`, "nonsense"]) {
        const headers = { "x-partywall-address": forged };
        const { body } = await get("www", "/t/acme", { headers });
        expect(said(body, "rows")).toBe(noteOf("acme"));
        const unproxied = (await get("www", "/u/acme", { headers })).body;
        expect([said(unproxied, "fault"), said(unproxied, "scope")]).toEqual([
          expect.stringMatching(/NEXT_HTTP_ERROR_FALLBACK$/),
          "nothing",
        ]);
      }
    });

    it("is not led elsewhere by an address that was signed for another path or host", async () => {
      const { body: signed } = await get("www", "/t/globex/echo");
      const headers = { "x-partywall-address": signed };
      expect(said((await get("www", "/t/acme", { headers })).body, "rows")).toBe(noteOf("acme"));
      const elsewhere = (await get("shop", "/u/acme", { headers })).body;
      expect(said(elsewhere, "fault")).toMatch(/NEXT_HTTP_ERROR_FALLBACK$/);
    });

    it("fails loudly, and does not become central, where no proxy handed the address on", async () => {
      const { body } = await get("www", "/u/acme");
      expect(said(body, "fault")).toMatch(/^PW_CONFIG: .*proxy\.ts/);
      expect(said(body, "scope")).toBe("nothing");
    });
  });

  it("registers its scope source once, for all bundles that load the module", async () => {
    expect((await watch()).sources).toBe(1);
  });

  describe("next dev", () => {
    beforeAll(async () => {
      await server.stop();
      server = await app.start({ env: logins(), dev: true });
    }, 60_000);

    it("keeps two tenants apart while the module is edited, and registers no source again", async () => {
      const file = join(app.folder, "lib/tenancy.js");
      const source = readFileSync(file, "utf8");
      for (const edit of [1, 2]) {
        writeFileSync(file, source.replace("edit = 0", `edit = ${edit}`));
        await expect.poll(async () => page("acme", "/edit", "edit")).toBe(String(edit));
        for (const tenant of TENANTS) {
          const { body } = await get(tenant, "/in/page-of");
          for (const part of ["layout", "meta", "page", "late"])
            expect(said(body, part)).toBe(`${tenant} ${noteOf(tenant)}`);
        }
      }
      expect((await watch()).sources).toBe(1);
    }, 60_000);

    it("tells a page and a route with force-static", async () => {
      expect(await page("acme", "/outside/forced/1", "forced")).toMatch(/^PW_CONFIG/);
      expect((await get("acme", "/outside/forced-route/1")).body).toMatch(/^PW_CONFIG/);
    });
  });
});
