import type { HttpContext } from "@adonisjs/core/http";
import type { ApplicationService } from "@adonisjs/core/types";
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { Partywall } from "partywall";
import { guardLucid } from "partywall/adapters/lucid";
import { tenancy, tenancyProvider } from "partywall/frameworks/adonis";
import { header } from "partywall/resolvers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildSite, type Site } from "../../guards/postgres/site.js";
import { describeEngine } from "../../support/engine.js";
import { describeNode } from "../../support/node-version.js";
import { ask } from "../http.js";
import { where } from "../instance.js";
import { startAdonis } from "./server.js";

const DDL = `create table goals (tenant_id text not null, id integer primary key generated always as identity,
  title text not null)`;

/** Models are made when Lucid's provider has given them their database. */
async function goalModel() {
  const { BaseModel, column } = await import("@adonisjs/lucid/orm");
  class Goal extends BaseModel {
    static override table = "goals";
    declare id: number;
    declare title: string;
  }
  column({ isPrimary: true })(Goal.prototype, "id");
  column()(Goal.prototype, "title");
  return Goal;
}

/** Two routes' kinds by name and by argument, models, streams. */
async function routes(app: ApplicationService, pw: Partywall, calls: string[]): Promise<void> {
  const router = await app.container.make("router");
  const Middleware = tenancy(pw, {
    resolve: header("x-tenant"),
    principal: (ctx: HttpContext) => ctx.request.header("x-user"),
    authorize: async ({ principal }) => principal === "ada",
    routes: (ctx) => (ctx.route?.name === "health" ? "central" : "tenant"),
  });
  const middleware = router.named({ tenancy: async () => ({ default: Middleware }) });
  const Goal = await goalModel();
  const server = await app.container.make("server");
  server.use([() => import("@adonisjs/core/bodyparser_middleware")]);

  router
    .group(() => {
      router.get("/goals", () => Goal.query().orderBy("id"));
      router.post("/goals", async ({ request, response }) => {
        const goal = await Goal.create({ title: request.input("title") });
        return response.created(goal);
      });
      router.get("/serialised", () => ({ toJSON: () => where(pw) }));
      router.get("/web", ({ request, response }) => {
        let left = Number(request.input("chunks", 3));
        return response.stream(
          new ReadableStream<Uint8Array>(
            {
              async pull(controller) {
                await new Promise((later) => setTimeout(later, 2));
                controller.enqueue(new TextEncoder().encode(`${where(pw)}\n`));
                left -= 1;
                if (left === 0) controller.close();
              },
              cancel: () => void calls.push(`web given up in ${where(pw)}`),
            },
            { highWaterMark: 0 },
          ),
        );
      });
      router.get("/node", ({ response }) =>
        response.stream(
          new Readable({
            read() {
              setTimeout(() => this.push(`${where(pw)}\n`), 2);
            },
            destroy(error, done) {
              calls.push(`node given up in ${where(pw)}`);
              done(error);
            },
          }),
        ),
      );
      router.get("/health", () => where(pw)).as("health");
    })
    .use(middleware.tenancy());
  router.get("/plans", () => where(pw)).use(middleware.tenancy("central"));
  router.get("/page", () => where(pw)).use(middleware.tenancy("universal"));
  router.get("/mistaken", () => where(pw)).use(middleware.tenancy("tenat" as never));
  router.get("/forgotten", () => Goal.all());
}

describeNode(24, "an application of AdonisJS", () =>
  describeEngine("postgres", "with Lucid", () => {
    let site: Site;
    let port: number;
    const stops: (() => unknown)[] = [];
    const calls: string[] = [];
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    beforeAll(async () => {
      site = await buildSite(DDL);
      await site.build({ tables: ["goals"] });
      const { pw, guard } = await site.open("acme", "globex");
      for (const slug of ["acme", "globex"])
        await site.superuser.query("insert into goals (tenant_id, title) values ($1, $2)", [
          slug,
          `first of ${slug}`,
        ]);
      const watched = {
        ready: async () => {
          calls.push("ready");
          await pw.ready();
        },
        close: async () => {
          calls.push("closed");
          await pw.close();
        },
      };
      const Provider = tenancyProvider(watched, {
        boot: async (app: ApplicationService) => {
          const { Database } = await import("@adonisjs/lucid/database");
          guardLucid(guard, await app.container.make(Database));
        },
      });
      port = await startAdonis(
        {
          providers: [
            () => import("@adonisjs/lucid/database_provider"),
            async () => ({ default: Provider }),
          ],
          config: {
            database: {
              connection: "pg",
              connections: { pg: { client: "pg", connection: { host: "127.0.0.1" } } },
            },
          },
          routes: (app) => routes(app, pw, calls),
        },
        (stop) => stops.push(stop),
      );
    });
    afterAll(async () => {
      agent.destroy();
      for (const stop of stops) await stop();
      await site.close();
    });
    // The tenants of the site have the slugs t0 and t1.
    const SLUGS = { acme: "t0", globex: "t1" } as const;
    const as = (tenant: keyof typeof SLUGS, path: string, more: object = {}) =>
      ask(port, { path, agent, headers: { "x-tenant": SLUGS[tenant], "x-user": "ada" }, ...more });

    it("is listened to only when the wall has proved that it stands", () => {
      expect(calls).toEqual(["ready"]);
    });

    it("gives models the rows of the tenant, under load on shared connections", async () => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, at) => {
          const tenant = at % 2 === 0 ? "acme" : "globex";
          const { body } = await as(tenant, "/goals");
          return (JSON.parse(body) as { title: string }[]).every(
            ({ title }) => title === `first of ${tenant}`,
          );
        }),
      );
      expect(answers).not.toContain(false);
    });

    it("stamps what a model creates", async () => {
      const made = await ask(port, {
        path: "/goals",
        method: "POST",
        headers: { "x-tenant": "t1", "x-user": "ada", "content-type": "application/json" },
        body: JSON.stringify({ title: "second" }),
      });
      expect(made.status).toBe(201);
      const { rows } = await site.superuser.query(
        "select tenant_id, title from goals where title = 'second'",
      );
      expect(rows).toEqual([{ tenant_id: "globex", title: "second" }]);
      await site.superuser.query("delete from goals where title = 'second'");
    });

    it("serialises the body, and reads a web stream, in the scope", async () => {
      expect((await as("acme", "/serialised")).body).toContain("t0");
      expect((await as("globex", "/web")).body).toBe("t1\n".repeat(3));
    });

    it("tells a stream in the scope that its reader has gone", async () => {
      calls.length = 0;
      for (const path of ["/web?chunks=100000", "/node"]) {
        const headers = { "x-tenant": "t0", "x-user": "ada" };
        const req = httpRequest({ host: "127.0.0.1", port, path, headers });
        req.on("error", () => undefined).end();
        const [res] = (await once(req, "response")) as [IncomingMessage];
        res.on("error", () => undefined);
        await once(res, "data");
        req.destroy();
      }
      await expect
        .poll(() => calls.toSorted())
        .toEqual(["node given up in t0", "web given up in t0"]);
    });

    it("takes the kind of a route from its name, and from the argument of the middleware", async () => {
      expect((await as("acme", "/health")).body).toBe("PW_CENTRAL_SCOPE");
      expect((await as("acme", "/plans")).body).toBe("PW_CENTRAL_SCOPE");
      expect((await as("acme", "/page")).body).toBe("t0");
      expect((await ask(port, { path: "/page" })).body).toBe("PW_CENTRAL_SCOPE");
      expect((await as("acme", "/mistaken")).status).toBe(500);
    });

    it("refuses whom authorize does not let in, and a route that forgot the middleware", async () => {
      const stranger = await ask(port, {
        path: "/goals",
        headers: { "x-tenant": "t0", "x-user": "eve" },
      });
      expect(stranger.status).toBe(404);
      expect(stranger.body).not.toContain("first");
      const forgotten = await as("acme", "/forgotten");
      expect(forgotten.status).toBe(500);
      expect(forgotten.body).not.toContain("first");
    });

    it("closes the instance when the application ends", async () => {
      for (const stop of stops.splice(0)) await stop();
      expect(calls).toContain("closed");
    });
  }),
);
