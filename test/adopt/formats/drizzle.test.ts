import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { createJiti } from "jiti";
import pg from "pg";
import { createPartywall } from "partywall";
import type { AdoptionPlan } from "partywall/adopt";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drizzleFormat } from "../../../src/adopt/formats/drizzle.js";
import { editDrizzleSchema } from "../../../src/adopt/schema-files/drizzle.js";
import type { SchemaEdits, SourceFile } from "../../../src/adopt/schema-files/text-edits.js";
import { describeEngine } from "../../support/engine.js";
import { SECRET } from "../../guards/postgres/world.js";
import { adoptedDatabase, buildSite, planFor, runPlan, TENANT, type Site } from "./adoption.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const originals = new URL("drizzle/schema/", import.meta.url);
const NAMES = ["accounts.ts", "shop.ts"];
const OTHER = randomUUID();
const SCHEMAS = ["public", "billing"];

/** A Drizzle application in a folder of its own, from which its packages can be found. */
class Application {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(url: string): Promise<Application> {
    const cache = join(root, "node_modules/.cache");
    await mkdir(cache, { recursive: true });
    const app = new Application(await mkdtemp(join(cache, "partywall-drizzle-")));
    await app.write(
      await Promise.all(
        NAMES.map(async (name) => ({
          path: `schema/${name}`,
          // drizzle-kit finds no .ts file by the name of its .js.
          content: (await readFile(new URL(`${name}.txt`, originals), "utf8")).replace(
            "./accounts.js",
            "./accounts",
          ),
        })),
      ),
    );
    await app.write([
      {
        path: "drizzle.config.ts",
        content: `export default { dialect: "postgresql", schema: "./schema/*.ts", out: "./drizzle", dbCredentials: { url: ${JSON.stringify(url)} }, schemaFilter: ${JSON.stringify(SCHEMAS)} };`,
      },
    ]);
    return app;
  }

  async write(files: readonly SourceFile[]): Promise<void> {
    for (const { path, content } of files) {
      await mkdir(dirname(join(this.folder, path)), { recursive: true });
      await writeFile(join(this.folder, path), content);
    }
  }

  async sources(): Promise<SourceFile[]> {
    return Promise.all(
      NAMES.map(async (name) => ({
        path: `schema/${name}`,
        content: await readFile(join(this.folder, "schema", name), "utf8"),
      })),
    );
  }

  /** The schema as its modules export it now. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a file loaded at run time exports
  async schema(): Promise<Record<string, any>> {
    const jiti = createJiti(import.meta.url, { fsCache: false, moduleCache: false });
    const modules = await Promise.all(
      NAMES.map((name) => jiti.import(join(this.folder, "schema", name))),
    );
    return Object.assign({}, ...modules);
  }

  async kit(...args: string[]): Promise<string> {
    const bin = join(root, "node_modules/drizzle-kit/bin.cjs");
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [bin, ...args], {
      cwd: this.folder,
      timeout: 30_000,
    }).catch((error: { stdout: string; stderr: string }) => {
      throw new Error(`drizzle-kit ${args.join(" ")} failed: ${error.stdout}${error.stderr}`);
    });
    return stdout + stderr;
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}

/**
 * What `drizzle-kit push` would change. Version 0.31 reads the columns of a composite key back in whatever order the
 * server's plan yields them, and forgets which keys of an index are expressions, so it asks to build some things anew
 * exactly as they are, before the adoption as after it. Those are no changes.
 */
async function changes(app: Application, client: pg.Client): Promise<string[]> {
  const output = await app.kit("push", "--strict", "--verbose");
  const statements = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^(?:alter|create|drop) /i.test(line));
  if (statements.length === 0) expect(output).toContain("No changes detected");
  const { rows } = await client.query<{ name: string; definition: string }>(
    `select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
     union all select c.relname, pg_get_indexdef(c.oid) from pg_class c where c.relkind = 'i'`,
  );
  const plain = (text: string) => text.replaceAll(/["\s;]|public\./g, "").toLowerCase();
  const kept = new Set<string>();
  for (const statement of statements) {
    const [, name, definition] =
      /ADD CONSTRAINT "([^"]+)" (.*)$/.exec(statement) ??
      /(?=CREATE.* INDEX "([^"]+)")(.*)$/.exec(statement) ??
      [];
    const isSame = rows.some(
      (row) => row.name === name && plain(row.definition) === plain(definition ?? ""),
    );
    if (name !== undefined && isSame) kept.add(name);
  }
  return statements.filter(
    (statement) => ![...kept].some((name) => statement.includes(`"${name}"`)),
  );
}

describeEngine("postgres", "a Drizzle application, adopted", () => {
  let site: Site;
  let app: Application;
  let before: string[];
  let unedited: string[];
  let edits: SchemaEdits;
  let plan: AdoptionPlan;

  beforeAll(async () => {
    site = await buildSite();
    app = await Application.create(site.database.url);
    await app.kit("generate", "--name", "start");
    await migrate(drizzle(site.client), { migrationsFolder: join(app.folder, "drizzle") });
    before = await changes(app, site.client);
    plan = await planFor(site, { schemas: SCHEMAS, tables: { plans: "shared" } });
    await runPlan(site, plan);
    unedited = await changes(app, site.client);
    edits = await editDrizzleSchema(await app.sources(), await adoptedDatabase(site, plan));
    await app.write(edits.files);
  }, 120_000);

  afterAll(async () => {
    await app.remove();
    await site.close();
  });

  test("drizzle-kit push, with nothing to do before, would take down the wall where the files are not edited", () => {
    expect(before).toEqual([]);
    expect(unedited.join("\n")).toMatch(/DISABLE ROW LEVEL SECURITY/);
    expect(unedited.join("\n")).toMatch(/DROP POLICY "partywall_tenant"/);
  });

  test("drizzle-kit push has nothing to do after the edits", async () => {
    expect(await changes(app, site.client)).toEqual([]);
  });

  test("the edits are these, and all else stays as its author wrote it", async () => {
    for (const { path, content } of edits.files) {
      const written = content
        .replaceAll(site.roles.app, "shop_app")
        .replaceAll(site.roles.system, "shop_system");
      await expect(written).toMatchFileSnapshot(
        `drizzle/edited/${path.slice("schema/".length)}.txt`,
      );
    }
    expect(
      edits.notes.map(({ path, line, object, text }) => `${path}:${line} ${object}: ${text}`),
    ).toMatchSnapshot();
  });

  test("drizzle-kit generate has nothing to do after the edits and the migrations", async () => {
    const { generateDrizzleJson } = await import("drizzle-kit/api");
    const folder = join(app.folder, "drizzle");
    const journal = await readFile(join(folder, "meta/_journal.json"), "utf8");
    const previous = JSON.parse(
      await readFile(join(folder, "meta/0000_snapshot.json"), "utf8"),
    ) as { id: string };
    const files = drizzleFormat.write(plan, {
      folder: "drizzle",
      timestamp: new Date("2020-01-01T00:00:00Z"),
      name: "tenancy",
      existing: (path) => (path === "meta/_journal.json" ? journal : undefined),
      snapshot: generateDrizzleJson(await app.schema(), previous.id, SCHEMAS),
    });
    expect(files.map(({ path }) => path)).toEqual([
      "drizzle/0001_tenancy_expand.sql",
      "drizzle/0002_tenancy_backfill.sql",
      "drizzle/0003_tenancy_enforce.sql",
      "drizzle/meta/0003_snapshot.json",
      "drizzle/meta/_journal.json",
      "drizzle/partywall_adopted.sql",
    ]);
    await app.write(files);
    expect(await app.kit("check")).toContain("Everything's fine");
    expect(await app.kit("generate")).toContain("No schema changes, nothing to migrate");
    // A database of its own, from the first migration to the last, and one that was adopted without them.
    const fresh = await buildSite();
    try {
      await app.write(
        files.map(({ path, content }) => ({
          path,
          content: content.replaceAll(site.database.name, fresh.database.name),
        })),
      );
      await migrate(drizzle(fresh.client), { migrationsFolder: folder });
      const { rows } = await fresh.client.query(
        "select relrowsecurity and relforcerowsecurity as is_behind from pg_class where relname = 'orders'",
      );
      expect(rows).toEqual([{ is_behind: true }]);
    } finally {
      await app.write(files);
      await fresh.close();
    }
    await site.client.query(await readFile(join(folder, "partywall_adopted.sql"), "utf8"));
    await migrate(drizzle(site.client), { migrationsFolder: folder });
  });

  test("editing again changes nothing", async () => {
    const again = await editDrizzleSchema(await app.sources(), await adoptedDatabase(site, plan));
    expect(again.files).toEqual([]);
  });

  test("the application's queries, upserts on id among them, go on working through the guard", async () => {
    const guard = guardPg(pg, { app: { connectionString: site.appUrl }, system: site.systemUrl });
    const pw = createPartywall({ realm: site.database.name, secret: SECRET, postgres: guard });
    try {
      await pw.tenants.create({ id: TENANT, slug: "a", name: "A" });
      await pw.tenants.create({ id: OTHER, slug: "b", name: "B" });
      const { users, tags, categories } = await app.schema();
      const db = drizzle({ client: guard.pool, schema: { users } });
      const id = randomUUID();
      const upsert = (email: string) =>
        db
          .insert(users)
          .values({ id, email })
          .onConflictDoUpdate({ target: users.id, set: { email } })
          .returning();
      await pw.run(TENANT, () => upsert("old@example.com"));
      await pw.run(TENANT, () => upsert("new@example.com"));
      await expect(pw.run(OTHER, () => upsert("stolen@example.com"))).rejects.toMatchObject({
        cause: { code: "PW_WRITE_MISMATCH" },
      });
      const { rows } = await site.client.query("select id, email, tenant_id from users");
      expect(rows).toEqual([{ id, email: "new@example.com", tenant_id: TENANT }]);
      expect(
        await pw.run(TENANT, () => db.query.users.findMany({ columns: { email: true } })),
      ).toEqual([{ email: "new@example.com" }]);
      expect(await pw.run(OTHER, () => db.select().from(users))).toEqual([]);

      // A composite key, and a reference that is set to null without taking the tenant along.
      for (const tenant of [TENANT, OTHER]) {
        await pw.run(tenant, () => db.insert(tags).values({ id: 1, name: "sale" }));
        await pw.run(tenant, () => db.insert(categories).values({ slug: "all" }));
        const { id: parentId } = await pw.run(
          tenant,
          async () => (await db.select().from(categories))[0]!,
        );
        await pw.run(tenant, () => db.insert(categories).values({ slug: "some", parentId }));
        await pw.run(tenant, () => db.delete(categories).where(eq(categories.slug, "all")));
        expect(
          await pw.run(tenant, () => db.select({ parent: categories.parentId }).from(categories)),
        ).toEqual([{ parent: null }]);
      }
    } finally {
      await pw.close();
    }
  });
});
