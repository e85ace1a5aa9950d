import { parse } from "@babel/parser";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AdoptedDatabase } from "../../../src/adopt/schema-files/adopted.js";
import { editLucidModels } from "../../../src/adopt/schema-files/lucid.js";
import { describeEngine } from "../../support/engine.js";
import { adoptedDatabase, buildSite, planFor, runPlan, type Site } from "./adoption.js";

const DDL = `
create schema billing;
create table customers (id uuid primary key default gen_random_uuid(), email_address text);
create table user_categories (organization_id uuid, code text primary key);
create table countries (code text primary key);
create table billing.invoices (id uuid primary key default gen_random_uuid());
`;
const IMPORT = "import { BaseModel, column } from '@adonisjs/lucid/orm'\n";

describeEngine("postgres", "a file of Lucid models, however it is written", () => {
  let site: Site;
  let database: AdoptedDatabase;

  beforeAll(async () => {
    site = await buildSite();
    await site.client.query(DDL);
    const plan = await planFor(site, {
      schemas: ["public", "billing"],
      tables: {
        countries: "shared",
        user_categories: { kind: "tenant", column: "organization_id" },
      },
    });
    await runPlan(site, plan);
    database = await adoptedDatabase(site, plan);
  });
  afterAll(() => site.close());

  /** Edits one file, and gives it (as it was, where it did not change) with the notes of its own. */
  async function edit(content: string) {
    const { files, notes } = await editLucidModels([{ path: "models.ts", content }], database);
    const edited = files[0]?.content ?? content;
    parse(edited, { sourceType: "module", plugins: ["typescript", "decorators-legacy"] });
    const again = await editLucidModels([{ path: "models.ts", content: edited }], database);
    expect(again.files, "editing again changes nothing").toEqual([]);
    return { edited, notes: notes.filter(({ path }) => path !== undefined) };
  }

  const model = (name: string, more = "", members = "@column()\n  declare id: string") =>
    `export class ${name} extends BaseModel {\n  ${more}\n  ${members}\n}\n`;

  test.each([
    [
      "a computed table",
      model("Customer", "static table = prefix + 'customers'"),
      /table's name is not written out/,
    ],
    [
      "two models of a table",
      model("Customer") + model("Person", "static table = 'customers'"),
      /Several models stand for the table customers/,
    ],
  ])("%s: left alone, and noted where it stands", async (_, code, said) => {
    const { edited, notes } = await edit(IMPORT + code);
    expect(edited).toBe(IMPORT + code);
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) {
      expect(note).toMatchObject({ path: "models.ts", text: expect.stringMatching(said) });
    }
  });

  test("a file that cannot be read: left alone and noted", async () => {
    const { files, notes } = await editLucidModels(
      [{ path: "x.ts", content: "class {{" }],
      database,
    );
    expect(files).toEqual([]);
    expect(notes[0]).toMatchObject({ path: "x.ts", text: expect.stringContaining("could not") });
  });

  test("models of shared tables, and classes that are no models: left alone", async () => {
    const code =
      model("Country") + "export class Customers {\n  @inject()\n  declare id: string\n}\n";
    expect((await edit(IMPORT + code)).edited).toBe(IMPORT + code);
  });

  test("a class of another schema, by a getter, composed, exported as the default, with semicolons", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}export default class Bill extends compose(BaseModel, SoftDeletes) {\n\tstatic get table() {\n\t\treturn "billing.invoices";\n\t}\n\n\t@column({ isPrimary: true })\n\tpublic id: string;\n}\n`,
    );
    expect(notes).toEqual([]);
    expect(edited).toContain(
      "\tpublic id: string;\n\t@column({ serializeAs: null })\n\tpublic tenantId: string;\n}",
    );
  });

  test("properties in snake case", async () => {
    const { edited } = await edit(
      IMPORT + model("Customer", "", "@column()\n  declare email_address: string"),
    );
    expect(edited).toContain("declare tenant_id: string");
  });

  test("a tenant column that was there, under a name of its own", async () => {
    const { edited, notes } = await edit(
      IMPORT +
        model(
          "UserCategory",
          "",
          "@column({ columnName: 'organization_id' })\n  declare owner: string | null",
        ),
    );
    expect(edited).toContain("declare owner: string\n");
    expect(edited).not.toContain("tenantId");
    expect(notes).toEqual([]);
  });

  test("a model on top of a generated class: the class is edited, and the model not", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}export class CustomerSchema extends BaseModel {\n  static $columns = ['emailAddress', 'id'] as const\n  $columns = CustomerSchema.$columns\n  @column()\n  declare emailAddress: string | null\n  @column({ isPrimary: true })\n  declare id: string\n}\nexport class Customer extends CustomerSchema {\n  get name() {\n    return this.emailAddress\n  }\n}\n`,
    );
    expect(notes).toEqual([]);
    expect(edited).toContain("['emailAddress', 'id', 'tenantId']");
    expect(edited.match(/declare tenantId/g)).toHaveLength(1);
  });

  test("a generated class whose tenant column comes first in the key: what the generator would do is said", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}export class UserCategorySchema extends BaseModel {\n  static $columns = ['code', 'organizationId'] as const\n  $columns = UserCategorySchema.$columns\n  @column({ isPrimary: true })\n  declare code: string\n  @column()\n  declare organizationId: string | null\n}\n`,
    );
    expect(edited).toContain("declare organizationId: string\n");
    expect(notes).toEqual([
      expect.objectContaining({
        text: expect.stringContaining("takes organization_id for the primary key"),
      }),
    ]);
  });
});
