import { parse } from "@babel/parser";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AdoptedDatabase } from "../../../src/adopt/schema-files/adopted.js";
import { editKnexTypes } from "../../../src/adopt/schema-files/knex.js";
import { describeEngine } from "../../support/engine.js";
import { adoptedDatabase, buildSite, planFor, runPlan, type Site } from "./adoption.js";

const DDL = `
create table customers (id uuid primary key default gen_random_uuid(), email_address text);
create table tags (code text primary key, label text);
create table visits (page text, at int, primary key (page, at));
create table countries (code text primary key);
`;
const tables = (members: string) =>
  `declare module "knex/types/tables.js" {\n  interface Tables {\n    ${members}\n  }\n}\n`;

describeEngine("postgres", "types and models for Knex, however they are written", () => {
  let site: Site;
  let database: AdoptedDatabase;

  beforeAll(async () => {
    site = await buildSite();
    await site.client.query(DDL);
    const plan = await planFor(site, { tables: { countries: "shared" } });
    await runPlan(site, plan);
    database = await adoptedDatabase(site, plan);
  });
  afterAll(() => site.close());

  /** Edits one file, and gives it (as it was, where it did not change) with the notes of its own. */
  async function edit(content: string, path = "knex.ts") {
    const { files, notes } = await editKnexTypes([{ path, content }], database);
    const edited = files[0]?.content ?? content;
    parse(edited, { sourceType: "unambiguous", plugins: ["typescript"] });
    const again = await editKnexTypes([{ path, content: edited }], database);
    expect(again.files, "editing again changes nothing").toEqual([]);
    return { edited, notes: notes.filter((note) => note.path !== undefined) };
  }

  test.each([
    ["rows whose type is in no file", tables("customers: Customer;"), /in no file that was named/],
    [
      "two types of one table",
      `interface A { id: string }\ninterface B { id: string }\n${tables("customers: A;")}${tables("customers: B;")}`,
      /Several types stand for the rows/,
    ],
    [
      "a type that a shared table has too",
      `interface Row { code: string }\n${tables("customers: Row; countries: Row;")}`,
      /another table too/,
    ],
    [
      "a model with a computed table",
      'class Customer extends Model { static tableName = prefix + "customers"; id!: string; }',
      /table's name is not written out/,
    ],
    [
      "two models of a table",
      'class A extends Model { static tableName = "customers"; id!: string; }\nclass B extends Model { static tableName = "customers"; id!: string; }',
      /Several models stand for the table customers/,
    ],
  ])("%s: left alone, and noted where it stands", async (_, code, said) => {
    const { edited, notes } = await edit(code);
    expect(edited).toBe(code);
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) {
      expect(note).toMatchObject({ path: "knex.ts", text: expect.stringMatching(said) });
    }
  });

  test("a file that cannot be read: left alone and noted", async () => {
    const { files, notes } = await editKnexTypes([{ path: "x.ts", content: "class {{" }], database);
    expect(files).toEqual([]);
    expect(notes[0]).toMatchObject({ path: "x.ts", text: expect.stringContaining("could not") });
  });

  const BASE = "interface Customer { id: string; email_address: string }\n";

  test.each([
    [
      "Knex.CompositeTableType<Customer>",
      'Knex.CompositeTableType<Customer, Omit<Customer, "tenant_id"> & { tenant_id?: string }>',
    ],
    [
      "Knex.CompositeTableType<Customer, Customer>",
      'Knex.CompositeTableType<Customer, Omit<Customer, "tenant_id"> & { tenant_id?: string }>',
    ],
    [
      'CompositeTableType<Customer, Omit<Customer, "id">, Partial<Customer>>',
      'CompositeTableType<Customer, Omit<Customer, "id" | "tenant_id"> & { tenant_id?: string }, Partial<Customer>>',
    ],
    [
      'Knex.CompositeTableType<Customer, Pick<Customer, "id">, { email_address: string }>',
      'Knex.CompositeTableType<Customer, Pick<Customer, "id"> & { tenant_id?: string }, { email_address: string; tenant_id?: string }>',
    ],
  ])("forms of what is written: %s", async (before, after) => {
    const { edited, notes } = await edit(`${BASE}${tables(`customers: ${before};`)}`);
    expect(edited).toContain(`customers: ${after};`);
    expect(edited).toContain("email_address: string; tenant_id: string }");
    expect(notes).toEqual([]);
  });

  test("a form of what is written that extends the rows' is noted, and one that leaves some out is edited", async () => {
    const first = await edit(
      `${BASE}interface New extends Customer { note: string }\n${tables("customers: Knex.CompositeTableType<Customer, New>;")}`,
    );
    expect(first.notes).toEqual([
      expect.objectContaining({ text: expect.stringContaining("Have tenant_id be optional") }),
    ]);
    const second = await edit(
      `${BASE}interface New extends Omit<Customer, "id"> { note: string }\n${tables("customers: Knex.CompositeTableType<Customer, New>;")}`,
    );
    expect(second.notes).toEqual([]);
    expect(second.edited).toContain(
      'interface New extends Omit<Customer, "id" | "tenant_id"> { note: string; tenant_id?: string }',
    );
  });

  test("an interface of the same name that is not Knex's, and other modules: left alone", async () => {
    const code =
      'interface Customer { id: string }\ninterface Tables { customers: Customer }\ndeclare module "other" { interface Tables { customers: Customer } }\n';
    expect((await edit(code)).edited).toBe(code);
  });

  test("keys in camel case, by the keys beside it and by mappers", async () => {
    const { edited } = await edit(
      `interface Customer { id: string; emailAddress: string }\n${tables("customers: Customer;")}`,
    );
    expect(edited).toContain("tenantId: string }");
    const mapped = await edit(
      'const db = knex({ ...knexSnakeCaseMappers() });\nclass Tag extends Model {\n  static tableName = "tags";\n  static idColumn = "code";\n  code!: string;\n}\n',
    );
    expect(mapped.edited).toContain('static idColumn = ["code", "tenantId"];');
    expect(mapped.edited).toContain("  code!: string;\n  tenantId!: string;\n");
  });

  test("ids of two columns become ids of three, those of one of two, in getters as in properties", async () => {
    const { edited, notes } = await edit(
      "class Visit extends Model {\n  static get tableName() {\n    return 'visits';\n  }\n  static get idColumn() {\n    return ['page', 'at'];\n  }\n}\nclass Tag extends Model {\n  static get tableName() {\n    return 'tags';\n  }\n  static get idColumn() { return 'code'; }\n  static get jsonSchema() {\n    return { type: 'object', properties: { code: { type: 'string' } } };\n  }\n}\n",
      "models.js",
    );
    expect(edited).toContain("return ['page', 'at', 'tenant_id'];");
    expect(edited).toContain("return ['code', 'tenant_id'];");
    expect(edited).toContain(
      "properties: { code: { type: 'string' }, tenant_id: { type: 'string' } }",
    );
    expect(edited).not.toContain("declare");
    expect(notes.map(({ object }) => object)).toEqual(["Visit", "Tag"]);
  });

  test("an id that is not the key's, and a jsonSchema from elsewhere: noted", async () => {
    const { notes } = await edit(
      'class Tag extends Model {\n  static tableName = "tags";\n  static jsonSchema = schema;\n}\n',
    );
    expect(notes.map(({ text }) => text)).toEqual([
      expect.stringContaining("properties of its jsonSchema are not written out"),
      expect.stringContaining("Have its idColumn be of"),
    ]);
  });
});
