import { Writable } from "node:stream";
import express from "express";
import { createPartywall } from "partywall";
import { tenancy } from "partywall/frameworks/express";
import { header } from "partywall/resolvers";
import { tenantLogging } from "partywall/runtime/pino";
import type { TenantLoggingOptions } from "partywall/runtime/pino";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { ask, serve } from "../../frameworks/http.js";
import { threeTenants } from "../../frameworks/instance.js";

type Line = Record<string, unknown>;

async function logging(options?: TenantLoggingOptions) {
  const pw = await threeTenants();
  const lines: Line[] = [];
  const raw: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      raw.push(chunk.toString());
      lines.push(JSON.parse(chunk.toString()) as Line);
      done();
    },
  });
  const log = pino({ base: null, timestamp: false, ...tenantLogging(pw, options) }, stream);
  return { pw, log, lines, raw };
}

const ACME = { id: "t-acme", slug: "acme" };
const GLOBEX = { id: "t-globex", slug: "globex" };

describe("pino", () => {
  it("names the tenant on each line, the scope where there is none, and nothing outside", async () => {
    const { pw, log, lines } = await logging();
    log.info("outside");
    await pw.run("t-acme", () => log.info({ order: 1 }, "inside"));
    await pw.central(() => log.info("central"));
    await pw.system({ reason: "a report" }, () => log.info("system"));
    expect(lines).toEqual([
      { level: 30, msg: "outside" },
      { level: 30, order: 1, tenant: ACME, msg: "inside" },
      { level: 30, scope: "central", msg: "central" },
      { level: 30, scope: "system", msg: "system" },
    ]);
  });

  it("tells nobody who is acting, unless asked", async () => {
    const silent = await logging();
    const ada = { id: "ada", password: "hunter2" };
    await silent.pw.run("t-acme", () => silent.log.info("x"), { principal: ada });
    expect(silent.raw.join("")).not.toMatch(/ada|hunter2/);

    const told = await logging({ principal: (who) => (who as { id: string }).id });
    await told.pw.run("t-acme", () => told.log.info("x"), { principal: ada });
    expect(told.lines[0]).toMatchObject({ principal: "ada", tenant: ACME });
  });

  it("goes with child loggers into whatever scope they are used in", async () => {
    const { pw, log, lines } = await logging();
    const child = await pw.run("t-acme", () => log.child({ part: "billing" }));
    await pw.run("t-globex", () => child.warn("whose"));
    child.info("outside");
    expect(lines).toEqual([
      { level: 40, part: "billing", tenant: GLOBEX, msg: "whose" },
      { level: 30, part: "billing", msg: "outside" },
    ]);
  });

  it("what is logged cannot pass for another tenant's", async () => {
    const { pw, log, lines } = await logging({ mixin: () => ({ tenant: "by mixin", app: 1 }) });
    const sent = JSON.parse('{"tenant":{"id":"t-globex"},"app":2}') as object;
    await pw.run("t-acme", () => log.info(sent, "x"));
    await pw.run("t-acme", () => log.child({ tenant: GLOBEX }).info("y"));
    await pw.run("t-acme", () => log.info(new Error("z")));
    expect(lines.map(({ tenant, app }) => [tenant, app])).toEqual([
      [ACME, 2],
      [ACME, 1],
      [ACME, 1],
    ]);
    expect(lines[2]).toMatchObject({ err: { message: "z" } });
  });

  it("never fails a line: a scope that cannot be read is said to be unknown", async () => {
    const broken = createPartywall({
      realm: "broken-source",
      sources: [
        {
          get: () => {
            throw new Error("no storage");
          },
        },
      ],
    });
    onTestFinished(() => broken.close());
    const written: string[] = [];
    const log = pino(
      { base: null, timestamp: false, ...tenantLogging(broken) },
      { write: (line: string) => void written.push(line) },
    );
    log.info("still written");
    expect(JSON.parse(written[0] ?? "")).toEqual({
      level: 30,
      scope: "unknown",
      msg: "still written",
    });
    const {
      pw,
      log: other,
      lines,
    } = await logging({
      principal: () => {
        throw new Error("no id");
      },
    });
    await pw.run("t-acme", () => other.info("x"), { principal: "ada" });
    expect(lines[0]).toEqual({ level: 30, tenant: ACME, msg: "x" });
  });

  it("names the tenant of each request when a middleware logs as the response ends", async () => {
    const { pw, log, lines } = await logging({ key: "customer" });
    const app = express();
    app.use(tenancy(pw, { resolve: header("x-tenant"), authorize: () => true }));
    // As pino-http does: a child for the request, and a line when the response has finished.
    app.use((req, res, next) => {
      const requestLog = log.child({ path: req.path });
      res.on("finish", () => requestLog.info("request completed"));
      next();
    });
    app.use((_req, res) => void res.end("ok"));
    const port = await serve(app);
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => {
        const tenant = at % 2 === 0 ? "acme" : "globex";
        return ask(port, { path: `/${tenant}`, headers: { "x-tenant": tenant } });
      }),
    );
    expect(lines).toHaveLength(20);
    for (const { path, customer } of lines)
      expect(customer).toEqual(path === "/acme" ? ACME : GLOBEX);
  });

  it("refuses an option it does not know", async () => {
    const pw = await threeTenants();
    expect(() => tenantLogging(pw, { principle: () => "x" } as never)).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
  });
});
