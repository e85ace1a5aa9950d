import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../support/free-port.js";
import { ask } from "../http.js";

const PACKAGES =
  "next react react-dom @next styled-jsx @swc client-only caniuse-lite postcss scheduler baseline-browser-mapping nanoid picocolors source-map-js";
const TENANTS = ["acme", "globex"] as const;
const root = resolve(import.meta.dirname, "../../..");
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" as const };
const app = mkdtempSync(join(tmpdir(), "partywall-next-"));
const next = join(app, "node_modules/next/dist/bin/next");
let port = 0;
let built = "";
let stop = () => {};

const get = (tenant: string, path: string, headers: Record<string, string> = {}) =>
  ask(port, { path, headers: { host: `${tenant}.example.test`, ...headers } });
// The same text stands in the scripts too, in another form.
const said = (body: string, what: string) =>
  new RegExp(`${what}:(?:<!-- -->)?([^;<]*)`).exec(
    body.replaceAll(/<script[\s\S]*?<\/script>/g, ""),
  )?.[1];

beforeAll(async () => {
  cpSync(join(import.meta.dirname, "fixtures/app"), app, { recursive: true });
  const modules = join(app, "node_modules");
  mkdirSync(join(modules, "partywall"), { recursive: true });
  for (const name of PACKAGES.split(" "))
    if (existsSync(join(root, "node_modules", name)))
      cpSync(join(root, "node_modules", name), join(modules, name), { recursive: true });
  cpSync(join(root, "package.json"), join(modules, "partywall/package.json"));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const out = join(modules, "partywall/dist");
  execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", out], {
    cwd: root,
  });
  built = execFileSync(process.execPath, [next, "build"], { cwd: app, env, encoding: "utf8" });
  port = await freePort();
  const server = spawn(process.execPath, [next, "start", "-H", "127.0.0.1", "-p", String(port)], {
    cwd: app,
    env,
  });
  stop = () => void server.kill();
  await new Promise<void>((ready, failed) => {
    server.stdout.on("data", (text: Buffer) => {
      if (String(text).includes("Ready")) ready();
    });
    server.once("exit", () => failed(new Error("next start ended")));
  });
}, 300_000);
afterAll(() => {
  stop();
  rmSync(app, { recursive: true, force: true });
});

describe("Next.js", () => {
  it("prerenders no page that enters a tenant", () => {
    expect(built).toContain("ƒ /page-of");
    expect(built).not.toContain("○ /");
  });

  it("keeps interleaved requests of two tenants apart in layout, metadata, page and streamed parts", async () => {
    await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        const tenant = TENANTS[at % 2]!;
        const { body } = await get(tenant, "/page-of");
        const parts = ["layout", "meta", "page", "late"].map((part) => said(body, part));
        expect(parts).toEqual([tenant, tenant, tenant, tenant]);
        expect((await get(tenant, "/route")).body).toBe(`${tenant} ${tenant}`);
        expect((await get(tenant, "/stream")).body).toBe(`${tenant};`.repeat(3));
      }),
    );
  });

  it("refuses tenant access in a plain unstable_cache, in pages and route handlers", async () => {
    for (const tenant of TENANTS) {
      expect(said((await get(tenant, "/cached-badly")).body, "bad")).toBe("PW_NO_SCOPE");
      expect((await get(tenant, "/bad-route")).body).toBe("PW_NO_SCOPE");
    }
  });

  it("keeps a value of cache() for each tenant", async () => {
    const value = async (tenant: string) => said((await get(tenant, "/cached")).body, "good");
    const [acme, globex] = [await value("acme"), await value("globex")];
    expect(acme).toMatch(/^acme:/);
    expect(globex).toMatch(/^globex:/);
    expect([await value("acme"), await value("globex")]).toEqual([acme, globex]);
  });

  it("gives a page that has not entered no other tenant", async () => {
    for (const tenant of TENANTS)
      expect(["none", tenant]).toContain(said((await get(tenant, "/not-entered")).body, "none"));
  });

  it("answers 404 where nobody lives, and takes no hint from the client's headers", async () => {
    const hints = { "x-tenant": "globex", "x-forwarded-host": "globex.example.test" };
    expect((await get("nobody", "/page-of", hints)).status).toBe(404);
    const { status, headers } = await get("nobody", "/route", hints);
    expect([status, headers["content-type"]]).toEqual([404, "application/problem+json"]);
    expect((await get("acme", "/route", hints)).body).toBe("acme acme");
  });
});
