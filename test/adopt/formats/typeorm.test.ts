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
    await app.write(edits.files);
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
});
