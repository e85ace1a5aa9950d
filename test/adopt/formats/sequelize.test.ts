import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createJiti } from "jiti";
import pg from "pg";
import { createPartywall } from "partywall";
import type { AdoptionPlan } from "partywall/adopt";
import { guardPg } from "partywall/guards/postgres";
import { DataTypes, Sequelize, type ModelStatic } from "sequelize";
import { afterAll, beforeAll, expect, test } from "vitest";
import { editSequelizeModels } from "../../../src/adopt/schema-files/sequelize.js";
import type { SchemaEdits, SourceFile } from "../../../src/adopt/schema-files/text-edits.js";
import { SECRET } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";
import { adoptedDatabase, buildSite, planFor, runPlan, TENANT, type Site } from "./adoption.js";
import { catalogue } from "./catalogue.js";
import { typeFaults } from "./type-check.js";

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const originals = new URL("sequelize/models/", import.meta.url);
const NAMES = ["shop.ts", "note.js"];
const OTHER = randomUUID();
const OPTIONS = { tables: { plans: "shared" } } as const;

/** The models of the files in a folder, bound to a database. */
// oxlint-disable-next-line typescript/no-explicit-any -- models that a file loaded at run time defines
type Models = Record<string, ModelStatic<any> & { associate?(models: object): void }>;

async function models(folder: string, sequelize: Sequelize): Promise<Models> {
  const jiti = createJiti(import.meta.url, { fsCache: false, moduleCache: false });
  const shop = await jiti.import<{ defineShop(sequelize: Sequelize): void }>(
    join(folder, "shop.ts"),
  );
  shop.defineShop(sequelize);
  const note = join(folder, "note.js");
  delete require.cache[note];
  const define = require(note) as (sequelize: Sequelize, types: object) => Models[string];
  define(sequelize, DataTypes).associate?.(sequelize.models);
  return sequelize.models;
}

describeEngine("postgres", "a Sequelize application, adopted", () => {
  let site: Site;
  let folder: string;
  let plan: AdoptionPlan;
  let edits: SchemaEdits;

  const write = (files: readonly SourceFile[]) =>
    Promise.all(files.map(({ path, content }) => writeFile(join(folder, path), content)));

  const sources = (): Promise<SourceFile[]> =>
    Promise.all(
      NAMES.map(async (path) => ({ path, content: await readFile(join(folder, path), "utf8") })),
    );

  /** The statements of a sync() by which the models as they are now would change their database. */
  async function sync(url: string, options?: { readonly alter: boolean }): Promise<string[]> {
    const statements: string[] = [];
    const sequelize = new Sequelize(url, { logging: (sql) => statements.push(sql) });
    try {
      await models(folder, sequelize);
      await sequelize.sync(options);
    } finally {
      await sequelize.close();
    }
    return statements.filter((sql) => /: (?:alter|create|drop|comment) /i.test(sql));
  }

  beforeAll(async () => {
    site = await buildSite();
    const cache = join(root, "node_modules/.cache");
    await mkdir(cache, { recursive: true });
    folder = await mkdtemp(join(cache, "partywall-sequelize-"));
    await write(
      await Promise.all(
        NAMES.map(async (path) => ({
          path,
          content: await readFile(new URL(`${path}.txt`, originals), "utf8"),
        })),
      ),
    );
    await sync(site.database.url);
    plan = await planFor(site, OPTIONS);
    await runPlan(site, plan);
    edits = await editSequelizeModels(await sources(), await adoptedDatabase(site, plan));
  }, 120_000);

  afterAll(async () => {
    await rm(folder, { recursive: true });
    await site.close();
  });

  test("alter, run again and again before the adoption, makes keys anew and doubles unique ones; with unedited files it would fail on the wall", async () => {
    const fresh = await buildSite();
    try {
      await sync(fresh.database.url);
      const was = await catalogue(fresh.client);
      await sync(fresh.database.url, { alter: true });
      const now = await catalogue(fresh.client);
      expect(now).not.toBe(was);
      expect(now).toContain("customers_email_key1");
      await runPlan(fresh, await planFor(fresh, OPTIONS));
      await expect(sync(fresh.database.url, { alter: true })).rejects.toThrow(
        "cannot drop column tenant_id",
      );
    } finally {
      await fresh.close();
    }
  });

  test("alter leaves the catalogue as it is, to the letter, after the edits", async () => {
    await write(edits.files);
    const was = await catalogue(site.client);
    const statements = await sync(site.database.url, { alter: true });
    expect(await catalogue(site.client)).toBe(was);
    // Before the adoption as after it, alter makes a key to a shared table anew, exactly as it is.
    const changing = /tenant_id|drop (?:column|constraint)| add /i;
    expect(statements.filter((sql) => changing.test(sql))).toEqual([
      expect.stringContaining('ALTER TABLE "tags" DROP CONSTRAINT "tags_plan_code_fkey"'),
      expect.stringContaining('ADD FOREIGN KEY ("plan_code") REFERENCES "plans"'),
    ]);
  });

  test("so does a sync that only makes what is missing", async () => {
    const was = await catalogue(site.client);
    expect((await sync(site.database.url)).filter((sql) => !sql.includes("IF NOT EXISTS"))).toEqual(
      [],
    );
    expect(await catalogue(site.client)).toBe(was);
  });

  test("the edits are these, and all else stays as its author wrote it", async () => {
    expect(edits.files.map(({ path }) => path)).toEqual(NAMES);
    for (const { path, content } of edits.files) {
      await expect(content).toMatchFileSnapshot(`sequelize/edited/${path}.txt`);
    }
    expect(
      edits.notes.map(({ path, line, object, text }) => `${path}:${line} ${object}: ${text}`),
    ).toMatchSnapshot();
  });

  test("the edited files type-check, as does a row that is created without a tenant", async () => {
    await write([
      {
        path: "use.ts",
        content: `import { Customer, Order, Tag } from "./shop.js";
export async function use(): Promise<string> {
  const customer = await Customer.create({ email: "a@example.com" });
  const order = await Order.create({ number: 1, customerId: customer.id });
  const tag = await Tag.create({ code: "sale", label: "Sale" });
  return customer.tenantId + order.tenantId + tag.tenantId;
}
`,
      },
    ]);
    expect(await typeFaults(folder, ["shop.ts", "use.ts"])).toEqual([]);
  });

  test("editing again changes nothing", async () => {
    const again = await editSequelizeModels(await sources(), await adoptedDatabase(site, plan));
    expect(again.files).toEqual([]);
  });

  test("rows are created, changed and upserted by id through the guard, and stamped by the database", async () => {
    const guard = guardPg(pg, { app: { connectionString: site.appUrl }, system: site.systemUrl });
    const pw = createPartywall({ realm: site.database.name, secret: SECRET, postgres: guard });
    const sequelize = new Sequelize(site.appUrl, { logging: false, dialectModule: guard.driver });
    try {
      await pw.tenants.create({ id: TENANT, slug: "a", name: "A" });
      await pw.tenants.create({ id: OTHER, slug: "b", name: "B" });
      const { Customer, Order, Tag } = (await models(folder, sequelize)) as Record<
        "Customer" | "Order" | "Tag",
        Models[string]
      >;
      const id = randomUUID();
      const upsert = (email: string) => Customer.upsert({ id, email });
      await pw.run(TENANT, () => upsert("old@example.com"));
      await pw.run(TENANT, () => upsert("new@example.com"));
      await expect(pw.run(OTHER, () => upsert("stolen@example.com"))).rejects.toThrow(
        "another tenant's id",
      );
      const { rows } = await site.client.query("select id, email, tenant_id from customers");
      expect(rows).toEqual([{ id, email: "new@example.com", tenant_id: TENANT }]);
      expect(await pw.run(OTHER, () => Customer.count())).toBe(0);

      // What a bulk upsert conflicts with is the key within the tenant.
      const rowOf = (planCode: string | null) => ({
        id: randomUUID(),
        email: "new@example.com",
        planCode,
      });
      await site.client.query("insert into plans values ('free', 'Free')");
      for (const tenant of [TENANT, OTHER]) {
        await pw.run(tenant, () =>
          Customer.bulkCreate([rowOf("free")], { updateOnDuplicate: ["planCode"] }),
        );
      }
      const { rows: customers } = await site.client.query(
        "select id, plan_code from customers where tenant_id = $1",
        [TENANT],
      );
      expect(customers).toEqual([{ id, plan_code: "free" }]);

      // A composite key; each tenant has its own.
      for (const tenant of [TENANT, OTHER]) {
        await pw.run(tenant, async () => {
          await Tag.create({ code: "sale", label: "Sale", planCode: "free" });
          await Tag.create({ code: "spring", label: "Spring", parentCode: "sale" });
          expect(await Tag.destroy({ where: { code: "spring" } })).toBe(1);
          await Tag.upsert({ code: "sale", label: `Of ${tenant}` });
          const tag = (await Tag.findByPk("sale"))!;
          expect(tag.get()).toMatchObject({ label: `Of ${tenant}`, tenantId: tenant });
          await tag.update({ label: `Again ${tenant}` });
        });
      }
      const { rows: tags } = await site.client.query(
        "select label = 'Again ' || tenant_id as is_own from tags",
      );
      expect(tags).toEqual([{ is_own: true }, { is_own: true }]);

      await pw.run(TENANT, async () => {
        await Order.create({ number: 1, customerId: id });
        const found = await Customer.findOne({ include: "orders" });
        expect(found.orders.map((order: { tenantId: string }) => order.tenantId)).toEqual([TENANT]);
        await found.destroy();
        expect((await Order.findOne()).customerId).toBeNull();
      });
    } finally {
      await sequelize.close();
      await pw.close();
    }
  });
});
