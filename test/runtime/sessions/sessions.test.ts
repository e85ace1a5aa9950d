import { EventEmitter } from "node:events";
import express from "express";
import session from "express-session";
import type { Partywall } from "partywall";
import { tenancy } from "partywall/frameworks/express";
import { subdomain } from "partywall/resolvers";
import {
  bindSession,
  boundSessions,
  checkSession,
  sessionFits,
  tenantSessions,
} from "partywall/runtime/sessions";
import { describe, expect, test, vi } from "vitest";
import { ask, serve, type Answer } from "../../frameworks/http.js";
import { threeTenants, where } from "../../frameworks/instance.js";

declare module "express-session" {
  interface SessionData {
    user: string;
  }
}

const refusal = (code: string) => expect.objectContaining({ code });
const options = {
  secret: "an example",
  resave: false,
  saveUninitialized: false,
  cookie: { domain: ".example.com" },
};
const universal = () => "universal" as const;

function routes(app: express.Express, pw: Partywall): void {
  app.get("/login/:user", (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = req.params.user;
      res.send("in");
    });
  });
  app.get("/visit", (req, res) => {
    req.session.user ??= "anonymous";
    res.send(req.session.user);
  });
  app.get("/me", (req, res) => res.json({ at: where(pw), user: req.session.user ?? null }));
}

const cookieOf = ({ headers }: Answer) => headers["set-cookie"]?.[0]?.split(";")[0] ?? "";

/** Express with its sessions inside the scope. */
async function inside() {
  const pw = await threeTenants();
  const store = new session.MemoryStore();
  const app = express();
  app.use(
    tenancy(pw, {
      resolve: subdomain("example.com"),
      authorize: () => true,
      routes: universal,
    }),
  );
  app.use(session({ ...options, store: tenantSessions(pw, store) }));
  routes(app, pw);
  return { pw, store, port: await serve(app) };
}

/** Express with its sessions before the scope, so that they name the principal. */
async function before() {
  const pw = await threeTenants();
  const decided = vi.fn(() => true);
  const app = express();
  const store = new session.MemoryStore();
  app.use(session({ ...options, store: boundSessions(pw, store) }));
  app.use(
    tenancy(pw, {
      resolve: subdomain("example.com"),
      principal: (req: express.Request) => req.session.user,
      authorize: ({ tenant, req }) => sessionFits(pw, req.session, tenant) && decided(),
      routes: universal,
    }),
  );
  app.use((req, _res, next) => {
    checkSession(pw, req.session);
    next();
  });
  routes(app, pw);
  app.use(((error, _req, res, _next) => {
    res.status((error as { status?: number }).status ?? 500).end();
  }) satisfies express.ErrorRequestHandler);
  return { pw, decided, store, port: await serve(app) };
}

const get = (port: number, host: string, path: string, cookie = "") =>
  ask(port, { path, headers: { host, ...(cookie && { cookie }) } });

describe("a store of sessions inside the scope", () => {
  test("a cookie of one tenant finds nothing at another's address, nor where there is none", async () => {
    const { port } = await inside();
    const cookie = cookieOf(await get(port, "acme.example.com", "/login/ada"));
    const me = async (host: string) =>
      JSON.parse((await get(port, host, "/me", cookie)).body) as unknown;
    expect(await me("acme.example.com")).toEqual({ at: "acme", user: "ada" });
    expect(await me("globex.example.com")).toEqual({ at: "globex", user: null });
    expect(await me("example.com")).toEqual({ at: "PW_CENTRAL_SCOPE", user: null });
    const central = cookieOf(await get(port, "example.com", "/login/root"));
    const answer = await get(port, "acme.example.com", "/me", central);
    expect(JSON.parse(answer.body)).toEqual({ at: "acme", user: null });
  });

  test("the same session id at two tenants is two sessions", async () => {
    const { port, pw } = await inside();
    const cookie = cookieOf(await get(port, "acme.example.com", "/login/ada"));
    const visited = await get(port, "globex.example.com", "/visit", cookie);
    expect(visited.body).toBe("anonymous");
    expect(JSON.parse((await get(port, "acme.example.com", "/me", cookie)).body)).toEqual({
      at: "acme",
      user: "ada",
    });
    expect(pw.tryCurrent()).toBeUndefined();
  });

  test("a session planted before the sign-in is not the one signed in", async () => {
    const { port } = await inside();
    const planted = cookieOf(await get(port, "acme.example.com", "/visit"));
    const fresh = cookieOf(await get(port, "acme.example.com", "/login/ada", planted));
    expect(fresh).not.toBe(planted);
    expect(JSON.parse((await get(port, "acme.example.com", "/me", planted)).body)).toEqual({
      at: "acme",
      user: null,
    });
  });

  test("a session copied under another tenant's key is not taken", async () => {
    const { pw, store, port } = await inside();
    await get(port, "acme.example.com", "/login/ada");
    const sessions = (store as unknown as { sessions: Record<string, string> }).sessions;
    const [key = ""] = Object.keys(sessions);
    const sid = key.slice(key.lastIndexOf(":") + 1);
    sessions[key.replace("t-acme", "t-globex")] = sessions[key]!;
    const load = (tenant: string) =>
      pw.run(
        tenant,
        () =>
          new Promise((done) => {
            store.get(sid, (_, found) => done(found));
          }),
      );
    expect(await load("t-acme")).toMatchObject({ user: "ada" });
    expect(await load("t-globex")).toBeUndefined();
  });

  test("listing, counting and clearing know the tenant's sessions only", async () => {
    const { pw, store, port } = await inside();
    for (const host of ["acme", "acme", "globex"])
      await get(port, `${host}.example.com`, "/login/ada");
    const call = <T>(tenant: string, run: (done: (error: unknown, found?: T) => void) => void) =>
      pw.run(
        tenant,
        () =>
          new Promise<T | undefined>((yes, no) =>
            run((error, found) => (error ? no(error) : yes(found))),
          ),
      );
    const length = (tenant: string) =>
      call(tenant, (done) => store.length((error, count) => done(error, count)));
    expect(await length("t-acme")).toBe(2);
    const all = await call("t-acme", (done) => store.all((error, found) => done(error, found)));
    expect(Object.values(all as object)).toEqual([
      expect.objectContaining({ user: "ada" }),
      expect.objectContaining({ user: "ada" }),
    ]);
    await call("t-acme", (done) => store.clear(done));
    expect(await length("t-acme")).toBe(0);
    expect(await length("t-globex")).toBe(1);
  });

  test("is refused outside a scope, and where the store cannot list its sessions", async () => {
    const pw = await threeTenants();
    const store = tenantSessions(pw, new session.MemoryStore());
    const told = (run: (done: (error: unknown) => void) => void) => new Promise<unknown>(run);
    const outside = refusal("PW_NO_SCOPE");
    expect(await told((done) => store.get("sid", done))).toEqual(outside);
    expect(await told((done) => store.set("sid", { cookie: {} } as never, done))).toEqual(outside);
    expect(await told((done) => store.destroy("sid", done))).toEqual(outside);
    expect(await told((done) => store.all(done))).toEqual(outside);
    expect(() => store.destroy("sid")).toThrow(outside);
    const bare = tenantSessions(
      pw,
      Object.assign(new EventEmitter(), {
        get: () => {},
        set: () => {},
        destroy: () => {},
        clear: vi.fn(),
      }),
    );
    const clear = (bare as unknown as typeof store).clear.bind(bare);
    expect(await pw.run("t-acme", () => told((done) => clear(done)))).toEqual(
      refusal("PW_STATEMENT_REFUSED"),
    );
  });
});

describe("sessions before the scope", () => {
  test("a cookie of one tenant is refused at another's address before authorize is asked further", async () => {
    const { port, decided } = await before();
    const cookie = cookieOf(await get(port, "acme.example.com", "/login/ada"));
    decided.mockClear();
    const replayed = await get(port, "globex.example.com", "/me", cookie);
    expect(replayed.status).toBe(404);
    expect(replayed.body).not.toContain("ada");
    expect(decided).not.toHaveBeenCalled();
    // Where no tenant is named nobody asks authorize.
    const central = await get(port, "example.com", "/me", cookie);
    expect(central.status).toBe(404);
    expect((await get(port, "acme.example.com", "/me", cookie)).body).toContain("ada");
  });
});

describe("a store of bound sessions", () => {
  const told = (run: (done: (error: unknown) => void) => void) => new Promise<unknown>(run);
  const blank = () => ({ cookie: {} }) as session.SessionData;

  test("saves no session for two tenants, and none for nobody", async () => {
    const { pw, store } = await before();
    const save = (one: object) =>
      told((done) => store.set("sid", one as session.SessionData, done));
    expect(await save(blank())).toEqual(refusal("PW_NO_SCOPE"));
    await pw.run("t-acme", () => save(blank()));
    const loaded = await new Promise<object>((done) => {
      store.get("sid", (_, found) => done(found ?? {}));
    });
    expect(sessionFits(pw, loaded, { id: "t-acme" })).toBe(true);
    expect(sessionFits(pw, loaded, { id: "t-globex" })).toBe(false);
    expect(await pw.run("t-globex", () => save(loaded))).toEqual(refusal("PW_TENANT_FORBIDDEN"));
    expect(await save(loaded)).toBeFalsy();
  });

  test("does not list, count or clear what is everybody's", async () => {
    const { pw, store } = await before();
    const no = refusal("PW_STATEMENT_REFUSED");
    await pw.run("t-acme", async () => {
      expect(await told((done) => store.all(done))).toEqual(no);
      expect(await told((done) => store.length(done))).toEqual(no);
      expect(await told((done) => store.clear(done))).toEqual(no);
    });
    expect(() => tenantSessions(pw, store)).toThrow(refusal("PW_CONFIG"));
  });
});

test("a session is bound once, to the scope it is first used in", async () => {
  const pw = await threeTenants();
  const one: Record<string, unknown> = {};
  expect(() => bindSession(pw, one)).toThrow(refusal("PW_NO_SCOPE"));
  expect(sessionFits(pw, one, { id: "t-globex" })).toBe(true);
  expect(sessionFits(pw, undefined, { id: "t-globex" })).toBe(true);
  await pw.run("t-acme", () => bindSession(pw, one));
  await pw.run("t-acme", () => bindSession(pw, one));
  await expect(pw.run("t-globex", () => bindSession(pw, one))).rejects.toEqual(
    refusal("PW_TENANT_FORBIDDEN"),
  );
  await expect(pw.central(() => bindSession(pw, one))).rejects.toEqual(
    refusal("PW_TENANT_FORBIDDEN"),
  );
  expect(sessionFits(pw, one, { id: "t-acme" })).toBe(true);
  expect(sessionFits(pw, one, { id: "t-globex" })).toBe(false);
  // Another instance's tenant of the same id is another tenant.
  expect(sessionFits({ realm: "another" }, one, { id: "t-acme" })).toBe(false);
});
