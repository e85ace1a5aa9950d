import { randomUUID } from "node:crypto";
import pg from "pg";
import { createPartywall } from "partywall";
import type { AdoptionPlan } from "partywall/adopt";
import { guardPg } from "partywall/guards/postgres";
import { type EntityName, MikroORM, type Options } from "@mikro-orm/postgresql";
import { PostgresDialect } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { editMikroOrmSchema } from "../../../src/adopt/schema-files/mikro-orm.js";
import type { SchemaEdits } from "../../../src/adopt/schema-files/text-edits.js";
import { describeEngine } from "../../support/engine.js";
import { SECRET } from "../../guards/postgres/world.js";
import { adoptedDatabase, buildSite, planFor, runPlan, TENANT, type Site } from "./adoption.js";
import { EntityApplication } from "./entity-application.js";

const OTHER = randomUUID();
const SCHEMAS = ["public", "billing"];

describeEngine("postgres", "a MikroORM application, adopted", () => {
  let site: Site;
  let app: EntityApplication;
  let before: string[];
  let unedited: string[];
  let edits: SchemaEdits;
  let plan: AdoptionPlan;

  /** What the schema generator would do, with what is exported for the configuration, where there is such a file. */
  async function changes(): Promise<string[]> {
    const orm = await connect({ clientUrl: site.database.url });
    try {
      const sql = await orm.schema.getUpdateSchemaSQL();
      return sql.split("\n").filter((line) => /^(?:alter|create|drop|comment) /.test(line));
    } finally {
      await orm.close();
    }
  }

  async function connect(options: Options): Promise<MikroORM> {
    const { schemaGenerator, afterDiscovered, ...entities } = await app.load();
    return MikroORM.init({
      entities: Object.values(entities),
      schemaGenerator: schemaGenerator ?? { ignoreSchema: ["partywall"], ignorePolicies: true },
      discovery: { afterDiscovered },
      ...options,
    });
  }

  beforeAll(async () => {
    site = await buildSite();
    app = await EntityApplication.create(new URL("mikro-orm/schema/", import.meta.url), [
      "accounts.ts",
      "shop.ts",
    ]);
    for (const sql of await changes()) await site.client.query(sql);
    before = await changes();
    plan = await planFor(site, { schemas: SCHEMAS, tables: { plans: "shared" } });
    await runPlan(site, plan);
    unedited = await changes();
    edits = await editMikroOrmSchema(await app.sources(), await adoptedDatabase(site, plan));
    await app.edit(edits.files);
  }, 120_000);

  afterAll(async () => {
    await app.remove();
    await site.close();
  });

  test("the schema generator, with nothing to do before, would take the tenants' columns where the entities are not edited", () => {
    expect(before).toEqual([]);
    expect(unedited.join("\n")).toMatch(/drop column "tenant_id"/);
  });

  test("the schema generator has nothing to do after the edits", async () => {
    expect(await changes()).toEqual([]);
  });

  test("the edits are these, and all else stays as its author wrote it", async () => {
    for (const { path, content } of edits.files) {
      await expect(content).toMatchFileSnapshot(`mikro-orm/edited/${path}.txt`);
    }
    expect(
      edits.notes.map(({ path, line, object, text }) => `${path}:${line} ${object}: ${text}`),
    ).toMatchSnapshot();
  });

  test("editing again changes nothing", async () => {
    const again = await editMikroOrmSchema(await app.sources(), await adoptedDatabase(site, plan));
    expect(again.files).toEqual([]);
  });

  test("the application's writes, upserts on id among them, go on working through the guard", async () => {
    const guard = guardPg(pg, { app: { connectionString: site.appUrl }, system: site.systemUrl });
    const pw = createPartywall({ realm: site.database.name, secret: SECRET, postgres: guard });
    const orm = await connect({
      dbName: site.database.name,
      driverOptions: new PostgresDialect({ pool: guard.pool }),
    });
    const of = (name: string) => orm.getMetadata().getByClassName(name).class as EntityName;
    try {
      await pw.tenants.create({ id: TENANT, slug: "a", name: "A" });
      await pw.tenants.create({ id: OTHER, slug: "b", name: "B" });
      const id = randomUUID();
      const upsert = (emailAddress: string) =>
        orm.em.fork().upsert(of("User"), { id, emailAddress });
      await pw.run(TENANT, () => upsert("old@example.com"));
      expect(await pw.run(TENANT, () => upsert("new@example.com"))).toMatchObject({
        tenantId: TENANT,
      });
      await expect(pw.run(OTHER, () => upsert("stolen@example.com"))).rejects.toThrow(
        "another tenant's id",
      );
      const { rows } = await site.client.query("select id, email_address, tenant_id from users");
      expect(rows).toEqual([{ id, email_address: "new@example.com", tenant_id: TENANT }]);
      expect(await pw.run(OTHER, () => orm.em.fork().find(of("User"), {}))).toEqual([]);

      for (const tenant of [TENANT, OTHER]) {
        await pw.run(tenant, async () => {
          const em = orm.em.fork();
          const buyer = em.create(of("User"), { emailAddress: "same@example.com" });
          const tag = em.create(of("Tag"), { id: 1, name: "sale" });
          const all = em.create(of("Category"), { slug: "all" });
          const some = em.create(of("Category"), { slug: "some", parent: all });
          const product = em.create(of("Product"), { sku: "x", category: some, shelves: [all] });
          const order = em.create(of("Order"), { number: 1, buyer });
          em.create(of("OrderLine"), { order, line: 1, product });
          em.create(of("Invoice"), { order });
          const carrier = em.create(of("Carrier"), { name: "post" });
          em.create(of("Shipment"), { code: "x", carrier });
          await em.flush();
          expect([buyer, tag, product, order]).toMatchObject(
            Array.from({ length: 4 }, () => ({ tenantId: tenant })),
          );
          tag.name = "sold";
          order.state = "paid";
          await em.flush();

          const later = orm.em.fork();
          expect(
            await later.findOneOrFail(
              of("Order"),
              { number: 1 },
              { populate: ["buyer", "lines.product.shelves"] as never },
            ),
          ).toMatchObject({
            state: "paid",
            tenantId: tenant,
            buyer: { emailAddress: "same@example.com" },
          });
          const found = await later.findOneOrFail(
            of("Product"),
            { sku: "x" },
            { populate: ["shelves"] as never },
          );
          expect(found.shelves.getItems()).toMatchObject([{ slug: "all" }]);
          found.shelves.removeAll();
          found.category = null;
          await later.flush();
          // References that are emptied, by the database, without the tenant.
          await later.nativeDelete(of("Category"), { slug: "all" });
          await later.nativeDelete(of("Carrier"), { name: "post" });
          expect(await orm.em.fork().find(of("Category"), {})).toMatchObject([
            { parent: null, tenantId: tenant },
          ]);
          expect(await orm.em.fork().find(of("Shipment"), {})).toMatchObject([
            { carrier: null, tenantId: tenant },
          ]);
          expect(await orm.em.fork().findOneOrFail(of("Tag"), 1)).toMatchObject({ name: "sold" });
        });
      }
    } finally {
      // The pool is the guard's to end.
      await pw.close();
    }
  });
});
