import { randomUUID } from "node:crypto";
import pg from "pg";
import { createPartywall } from "partywall";
import type { AdoptionPlan } from "partywall/adopt";
import { guardPg } from "partywall/guards/postgres";
import { DataSource, type EntityTarget } from "typeorm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { editTypeormSchema } from "../../../src/adopt/schema-files/typeorm.js";
import type { SchemaEdits } from "../../../src/adopt/schema-files/text-edits.js";
import { describeEngine } from "../../support/engine.js";
import { SECRET } from "../../guards/postgres/world.js";
import { adoptedDatabase, buildSite, planFor, runPlan, TENANT, type Site } from "./adoption.js";
import { EntityApplication } from "./entity-application.js";

const OTHER = randomUUID();
const SCHEMAS = ["public", "billing"];

describeEngine("postgres", "a TypeORM application, adopted", () => {
  let site: Site;
  let app: EntityApplication;
  let before: string[];
  let unedited: string[];
  let edits: SchemaEdits;
  let plan: AdoptionPlan;

  /** What migration:generate would write. */
  async function changes(): Promise<string[]> {
    const db = new DataSource({
      type: "postgres",
      url: site.database.url,
      entities: Object.values(await app.load()),
    });
    await db.initialize();
    try {
      const { upQueries } = await db.driver.createSchemaBuilder().log();
      return upQueries.map(({ query }) => query);
    } finally {
      await db.destroy();
    }
  }

  beforeAll(async () => {
    site = await buildSite();
    app = await EntityApplication.create(new URL("typeorm/schema/", import.meta.url), [
      "accounts.ts",
      "shop.ts",
    ]);
    await site.client.query('create schema billing; create extension "uuid-ossp"');
    for (const sql of await changes()) await site.client.query(sql);
    await site.client.query(
      `create unique index orders_by_lower on orders (lower(state), number);
       create unique index tags_by_lower on tags (lower(name))`,
    );
    before = await changes();
    plan = await planFor(site, { schemas: SCHEMAS, tables: { plans: "shared" } });
    await runPlan(site, plan);
    unedited = await changes();
    edits = await editTypeormSchema(await app.sources(), await adoptedDatabase(site, plan));
    await app.edit(edits.files);
  }, 120_000);

  afterAll(async () => {
    await app.remove();
    await site.close();
  });

  test("migration:generate, with nothing to do before, would take the tenants' columns where the entities are not edited", () => {
    expect(before).toEqual([]);
    expect(unedited.join("\n")).toMatch(/DROP COLUMN "tenant_id"/);
  });

  test("migration:generate has nothing to do after the edits", async () => {
    expect(await changes()).toEqual([]);
  });

  test("the edits are these, and all else stays as its author wrote it", async () => {
    for (const { path, content } of edits.files) {
      await expect(content).toMatchFileSnapshot(`typeorm/edited/${path}.txt`);
    }
    expect(
      edits.notes.map(({ path, line, object, text }) => `${path}:${line} ${object}: ${text}`),
    ).toMatchSnapshot();
  });

  test("editing again changes nothing", async () => {
    const again = await editTypeormSchema(await app.sources(), await adoptedDatabase(site, plan));
    expect(again.files).toEqual([]);
  });

  test("the application's saves, upserts on id among them, go on working through the guard", async () => {
    const guard = guardPg(pg, { app: { connectionString: site.appUrl }, system: site.systemUrl });
    const pw = createPartywall({ realm: site.database.name, secret: SECRET, postgres: guard });
    const { CarrierSchema, ShipmentSchema, ...classes } = await app.load();
    const { User, Order, Tag, Product, Category, OrderLine, Invoice } = classes;
    const db = new DataSource({
      type: "postgres",
      url: site.appUrl,
      driver: guard,
      entities: [CarrierSchema, ShipmentSchema, ...Object.values(classes)],
    });
    try {
      await pw.tenants.create({ id: TENANT, slug: "a", name: "A" });
      await pw.tenants.create({ id: OTHER, slug: "b", name: "B" });
      await pw.central(() => db.initialize());
      // oxlint-disable-next-line typescript/no-explicit-any -- entities loaded at run time
      const of = (entity: EntityTarget<any>) => db.getRepository(entity);
      const id = randomUUID();
      const save = (email: string) => of(User).save({ id, email });
      const upsert = (email: string) => of(User).upsert({ id, email }, ["id"]);
      expect(await pw.run(TENANT, () => save("old@example.com"))).toMatchObject({
        tenantId: TENANT,
      });
      await pw.run(TENANT, () => save("newer@example.com"));
      await pw.run(TENANT, () => upsert("new@example.com"));
      await expect(pw.run(OTHER, () => upsert("stolen@example.com"))).rejects.toMatchObject({
        driverError: { code: "PW_WRITE_MISMATCH" },
      });
      const { rows } = await site.client.query("select id, email, tenant_id from users");
      expect(rows).toEqual([{ id, email: "new@example.com", tenant_id: TENANT }]);
      expect(await pw.run(OTHER, () => of(User).find())).toEqual([]);

      for (const tenant of [TENANT, OTHER]) {
        await pw.run(tenant, async () => {
          const buyer = await of(User).save({ email: "same@example.com" });
          const tag = await of(Tag).save({ id: 1, name: "sale" });
          expect(await of(Tag).save({ ...tag, name: "sold" })).toMatchObject({ tenantId: tenant });
          const category = await of(Category).save({ slug: "all" });
          const child = await of(Category).save({ slug: "some", parent: category });
          const product = await of(Product).save({
            sku: "x",
            category: child,
            tags: [tag],
            shelves: [category],
          });
          const order = await of(Order).save({ number: 1, buyer: { id: buyer.id } });
          await of(OrderLine).save({ orderId: order.id, line: 1, order, product, tag });
          await of(Invoice).save({ order });
          expect(
            await of(Order).findOne({
              where: { number: 1 },
              relations: {
                buyer: true,
                lines: { product: { tags: true, shelves: true }, tag: true },
              },
            }),
          ).toMatchObject({
            tenantId: tenant,
            buyer: { email: "same@example.com" },
            lines: [
              { tag: { name: "sold" }, product: { tags: [{ id: 1 }], shelves: [{ slug: "all" }] } },
            ],
          });
          await of(Product).save({ id: product.id, category: null, tags: [] });
          // A reference that is emptied, by the database, without the tenant.
          await of(Product).save({ id: product.id, shelves: [] });
          await of(Category).delete({ slug: "all" });
          expect(await of(Category).find()).toMatchObject([{ parentId: null, tenantId: tenant }]);

          const carrier = await of(CarrierSchema).save({ name: "post" });
          await of(ShipmentSchema).save({ code: "x", carrier });
          await of(CarrierSchema).delete(carrier.id);
          expect(await of(ShipmentSchema).find({ relations: { carrier: true } })).toMatchObject([
            { carrier: null, tenantId: tenant },
          ]);
        });
      }
    } finally {
      if (db.isInitialized) await db.destroy();
      await pw.close();
    }
  });
});
