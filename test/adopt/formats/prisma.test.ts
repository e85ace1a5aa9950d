import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { createPartywall } from "partywall";
import type { AdoptionPlan } from "partywall/adopt";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { editPrismaSchema } from "../../../src/adopt/schema-files/prisma.js";
import type { SchemaEdits } from "../../../src/adopt/schema-files/text-edits.js";
import { describeEngine } from "../../support/engine.js";
import { SECRET } from "../../guards/postgres/world.js";
import { adoptedDatabase, buildSite, planFor, runPlan, TENANT, type Site } from "./adoption.js";
import { prismaDiff } from "./prisma-engine.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const OTHER = randomUUID();
const PATH = "prisma/schema.prisma";

describeEngine("postgres", "a Prisma application, adopted", () => {
  let site: Site;
  let plan: AdoptionPlan;
  let schema: string;
  let before: string;
  let edits: SchemaEdits;
  let edited: string;

  beforeAll(async () => {
    site = await buildSite();
    schema = await readFile(new URL(PATH, import.meta.url), "utf8");
    await site.client.query(await prismaDiff(site.database.url, schema, "empty"));
    before = await prismaDiff(site.database.url, schema);
    plan = await planFor(site, { tables: { plans: "shared" } });
    await runPlan(site, plan);
    edits = editPrismaSchema([{ path: PATH, content: schema }], await adoptedDatabase(site, plan));
    edited = edits.files[0]!.content;
  }, 120_000);

  afterAll(() => site.close());

  test("Prisma, with nothing to do before, has nothing to do after the edits", async () => {
    expect(before).toBe("");
    expect(await prismaDiff(site.database.url, schema)).toContain('DROP COLUMN "tenant_id"');
    expect(await prismaDiff(site.database.url, edited)).toBe("");
  });

  test("the edits are these, and all else stays as its author wrote it", async () => {
    await expect(edited).toMatchFileSnapshot("prisma/edited.prisma.txt");
    expect(
      edits.notes.map(({ path, line, object, text }) => `${path}:${line} ${object}: ${text}`),
    ).toMatchSnapshot();
  });

  test("editing again changes nothing", async () => {
    const again = editPrismaSchema(
      [{ path: PATH, content: edited }],
      await adoptedDatabase(site, plan),
    );
    expect(again.files).toEqual([]);
  });

  test("the client's queries, upserts on id among them, go on working through the guard", async () => {
    const cache = join(root, "node_modules/.cache");
    await mkdir(cache, { recursive: true });
    const folder = await mkdtemp(join(cache, "partywall-prisma-"));
    await writeFile(join(folder, "schema.prisma"), edited);
    const prisma = join(root, "node_modules/prisma/build/index.js");
    await promisify(execFile)(process.execPath, [prisma, "generate", "--schema", "schema.prisma"], {
      cwd: folder,
      // Generating needs no engine, but would download one.
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: "/bin/true", CHECKPOINT_DISABLE: "1" },
    });
    const guard = guardPg(pg, { app: { connectionString: site.appUrl }, system: site.systemUrl });
    const pw = createPartywall({ realm: site.database.name, secret: SECRET, postgres: guard });
    const { PrismaClient } = createRequire(import.meta.url)(join(folder, "client"));
    const db = new PrismaClient({ adapter: new PrismaPg(guard.pool) });
    try {
      await pw.tenants.create({ id: TENANT, slug: "a", name: "A" });
      await pw.tenants.create({ id: OTHER, slug: "b", name: "B" });
      const id = randomUUID();
      const upsert = (email: string) =>
        db.user.upsert({ where: { id }, create: { id, email }, update: { email } });
      await pw.run(TENANT, () => upsert("old@example.com"));
      await pw.run(TENANT, () => upsert("new@example.com"));
      await expect(pw.run(OTHER, () => upsert("stolen@example.com"))).rejects.toThrow(
        "another tenant's id",
      );
      const { rows } = await site.client.query("select id, email, tenant_id from users");
      expect(rows).toEqual([{ id, email: "new@example.com", tenant_id: TENANT }]);
      expect(await pw.run(OTHER, () => db.user.findMany())).toEqual([]);

      // Nested writes and reads, keys that two tenants share, and a reference that is emptied without the tenant.
      for (const tenant of [TENANT, OTHER]) {
        const buyer = await pw.run(tenant, () =>
          db.user.create({ data: { email: "same@example.com" } }),
        );
        const order = await pw.run(tenant, () =>
          db.order.create({
            data: {
              number: 1,
              buyer: { connect: { id: buyer.id } },
              lines: { create: { line: 1, product: { create: { sku: "x" } } } },
            },
            include: { lines: { include: { product: true } } },
          }),
        );
        expect(order).toMatchObject({
          tenantId: tenant,
          lines: [{ tenantId: tenant, product: { tenant_id: tenant } }],
        });
        await pw.run(tenant, () => db.tag.create({ data: { id: 1, name: "sale" } }));
        await pw.run(tenant, () =>
          db.tag.upsert({
            where: { tenantId_id: { tenantId: tenant, id: 1 } },
            create: { id: 1, name: "new" },
            update: { name: "sold" },
          }),
        );
        expect(await pw.run(tenant, () => db.tag.findFirst({ where: { id: 1 } }))).toMatchObject({
          name: "sold",
        });
        const child = await pw.run(tenant, () =>
          db.category.create({ data: { slug: "some", parent: { create: { slug: "all" } } } }),
        );
        const change = (data: object) =>
          pw.run(tenant, () => db.category.update({ where: { id: child.id }, data }));
        await expect(change({ parent: { disconnect: true } })).rejects.toThrow(
          "another tenant's id",
        );
        await change({ parentId: null });
        await change({ parent: { connect: { id: child.parentId } } });
        await pw.run(tenant, () => db.category.deleteMany({ where: { slug: "all" } }));
        expect(
          await pw.run(tenant, () => db.category.findUnique({ where: { id: child.id } })),
        ).toMatchObject({
          parentId: null,
          tenantId: tenant,
        });
      }
    } finally {
      await db.$disconnect();
      await pw.close();
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});
