import { randomUUID } from "node:crypto";
import pg from "pg";
import { createPartywall } from "partywall";
import type { AdoptionPlan } from "partywall/adopt";
import { guardPg } from "partywall/guards/postgres";
import { MikroORM, type Options } from "@mikro-orm/postgresql";
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
});
