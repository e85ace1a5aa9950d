import fastify, { type FastifyReply } from "fastify";
import { tenancy } from "partywall/frameworks/fastify";
import { header } from "partywall/resolvers";
import { describe, expect, it, onTestFinished } from "vitest";
import { ask } from "../http.js";
import { threeTenants, where } from "../instance.js";

const acme = { headers: { "x-tenant": "acme" } };

async function listening(app: ReturnType<typeof fastify>): Promise<number> {
  onTestFinished(() => app.close());
  return Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
}

describe("fastify: the plugin", () => {
  it("has every later hook, parser and handler in the scope, to onResponse", async () => {
    const pw = await threeTenants();
    const app = fastify();
    const seen: string[] = [];
    const note = (hook: string) => void seen.push(`${hook} ${where(pw)}`);
    app.addHook("onRequest", async () => note("earlier onRequest"));
    app.register(tenancy(pw, { resolve: header("x-tenant"), authorize: async () => true }));
    app.after(() => {
      app.addHook("onRequest", async () => note("onRequest"));
      app.addHook("preParsing", async () => note("preParsing"));
      app.addHook("preValidation", async () => note("preValidation"));
      app.addHook("preHandler", (_req, _reply, done) => (note("preHandler"), done()));
      app.addHook("onSend", async () => note("onSend"));
      app.addHook("onResponse", async () => note("onResponse"));
    });
    app.addContentTypeParser("text/note", { parseAs: "string" }, (_req, body, done) => {
      note("parser");
      done(null, body);
    });
    app.post("/", async () => (note("handler"), "done"));
    const port = await listening(app);
    const headers = { ...acme.headers, "content-type": "text/note" };
    expect((await ask(port, { method: "POST", headers, body: "x" })).body).toBe("done");
    await expect.poll(() => seen).toContain("onResponse acme");
    expect(seen).toEqual([
      "earlier onRequest PW_NO_SCOPE",
      ...[
        "onRequest",
        "preParsing",
        "parser",
        "preValidation",
        "preHandler",
        "handler",
        "onSend",
        "onResponse",
      ].map((hook) => `${hook} acme`),
    ]);
  });

  it("holds for its own context and below, not beside it", async () => {
    const pw = await threeTenants();
    const app = fastify();
    app.register(async (inner) => {
      inner.get("/before", async () => where(pw));
      inner.register(tenancy(pw, { resolve: header("x-tenant"), authorize: () => true }));
      inner.register(async (below) => void below.get("/below", async () => where(pw)));
    });
    app.get("/beside", async () => where(pw));
    const port = await listening(app);
    const bodies = await Promise.all(
      ["/before", "/below", "/beside"].map(
        async (path) => (await ask(port, { path, ...acme })).body,
      ),
    );
    expect(bodies).toEqual(["acme", "acme", "PW_NO_SCOPE"]);
  });

  it("takes a route's own word for what it is, and needs a tenant where there is none", async () => {
    const pw = await threeTenants();
    const app = fastify();
    app.register(tenancy(pw, { resolve: header("x-tenant"), authorize: () => true }));
    const kind = (tenancyOf: string) => ({ config: { tenancy: tenancyOf } });
    app.get("/health", kind("central"), async () => where(pw));
    app.get("/any", kind("universal"), async () => where(pw));
    app.get("/wrong", kind("centrall"), async () => where(pw));
    app.get("/silent", async () => where(pw));
    app.setErrorHandler((error, _req, reply) =>
      reply.code(500).send((error as { code?: string }).code),
    );
    const port = await listening(app);
    const body = async (path: string, more = {}) => (await ask(port, { path, ...more })).body;
    expect(await body("/health", acme)).toBe("PW_CENTRAL_SCOPE");
    expect(await body("/any")).toBe("PW_CENTRAL_SCOPE");
    expect(await body("/any", acme)).toBe("acme");
    expect(await body("/wrong", acme)).toBe("PW_CONFIG");
    expect(JSON.parse(await body("/silent"))).toMatchObject({ code: "PW_TENANT_UNRESOLVED" });
    expect(JSON.parse(await body("/no-route"))).toMatchObject({ code: "PW_TENANT_UNRESOLVED" });
  });

  it.each([
    ["reply", (reply: FastifyReply) => void reply.header("vary", "Origin")],
    ["response", (reply: FastifyReply) => void reply.raw.setHeader("vary", "Origin")],
  ])("adds to a Vary that another plugin set on the %s", async (_, set) => {
    const pw = await threeTenants();
    const app = fastify();
    app.addHook("onRequest", async (_req, reply) => set(reply));
    app.register(tenancy(pw, { resolve: header("x-tenant"), authorize: () => true }));
    app.get("/", async () => where(pw));
    const port = await listening(app);
    expect((await ask(port, acme)).headers.vary).toBe("Origin, x-tenant");
  });
});
