import { parse } from "@babel/parser";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PartywallError } from "partywall";
import type { AdoptedDatabase } from "../../../src/adopt/schema-files/adopted.js";
import { editMikroOrmSchema } from "../../../src/adopt/schema-files/mikro-orm.js";
import { describeEngine } from "../../support/engine.js";
import { adoptedDatabase, buildSite, planFor, runPlan, type Site } from "./adoption.js";

const DDL = `
create table customers (id uuid primary key default gen_random_uuid(), email_address text constraint customers_email unique, area text, branch text);
create unique index customers_place on customers (area, branch);
create table orders (id uuid primary key default gen_random_uuid(), customer_id uuid constraint orders_customer references customers);
create table app_notes (id uuid primary key default gen_random_uuid(), body text constraint app_notes_body unique, tenant_id uuid);
`;
const IMPORT =
  'import { defineEntity, EntitySchema, p } from "@mikro-orm/core";\nimport { Entity, Index, ManyToOne, OneToOne, PrimaryKey, Property, Unique } from "@mikro-orm/decorators/legacy";\n';
const ID = '@PrimaryKey({ type: "uuid" }) id!: string;';

describeEngine("postgres", "an entity of MikroORM, however it is written", () => {
  let site: Site;
  let database: AdoptedDatabase;

  beforeAll(async () => {
    site = await buildSite();
    await site.client.query(DDL);
    const plan = await planFor(site);
    await runPlan(site, plan);
    database = await adoptedDatabase(site, plan);
  });
  afterAll(() => site.close());

  /** Edits one file, and gives it (as it was, where it did not change) with the notes of its own. */
  async function edit(content: string) {
    const path = "entities.ts";
    const { files, notes } = await editMikroOrmSchema([{ path, content }], database);
    const edited = files.find((one) => one.path === path)?.content ?? content;
    parse(edited, { sourceType: "module", plugins: ["typescript", "decorators-legacy"] });
    const others = files.filter((one) => one.path !== path);
    const again = await editMikroOrmSchema([{ path, content: edited }, ...others], database);
    expect(again.files).toEqual([]);
    return { edited, notes: notes.filter((note) => note.path === path) };
  }

  test.each([
    [
      "a table whose name is computed",
      `const tableName = "customers";\n@Entity({ tableName }) export class C { ${ID} }`,
      4,
      /name is not written out/,
    ],
    [
      "a class whose options are elsewhere",
      `@Entity(options) export class C { ${ID} }`,
      3,
      /name is not written out/,
    ],
    [
      "a schema whose options are elsewhere",
      "export const C = new EntitySchema(options);",
      3,
      /options are not written out/,
    ],
    [
      "a definition whose name is computed",
      'export const C = defineEntity({ name: n, tableName: "customers", properties: {} });',
      3,
      /name is not written out/,
    ],
  ])("%s: left alone, and noted where it stands", async (_, code, line, said) => {
    const { edited, notes } = await edit(IMPORT + code);
    expect(edited).toBe(IMPORT + code);
    expect(notes).toEqual([
      expect.objectContaining({ path: "entities.ts", line, text: expect.stringMatching(said) }),
    ]);
  });

  test("two entities of one table: both left alone, and noted", async () => {
    const code = `${IMPORT}@Entity({ tableName: "customers" }) export class A { ${ID} }\n@Entity({ tableName: "customers" }) export class B { ${ID} }\n`;
    const { edited, notes } = await edit(code);
    expect(edited).toBe(code);
    expect(notes.map(({ object }) => object)).toEqual(["A", "B"]);
  });

  test("tables that no entity declares are named, and decorators of other packages left alone", async () => {
    const content = `import { Entity } from "./own.js";\n@Entity({ tableName: "customers" }) export class C {}\n`;
    const { files, notes } = await editMikroOrmSchema([{ path: "a.ts", content }], database);
    expect(files).toEqual([]);
    expect(notes.map(({ object }) => object)).toEqual(["app_notes", "customers", "orders"]);
  });

  test("names that follow from the class's, and Windows' line ends", async () => {
    const { edited, notes } = await edit(
      `${IMPORT.replaceAll("\n", "\r\n")}@Entity()\r\nexport class AppNotes {\r\n  ${ID}\r\n\r\n  @Property({ type: "text" })\r\n  @Unique({ name: "app_notes_body" })\r\n  body!: string; // once\r\n}\r\n`,
    );
    expect(notes).toEqual([]);
    expect(edited).toContain(
      '@Unique({ name: "app_notes_body", properties: ["tenantId", "body"] })\r\n',
    );
    expect(edited).toContain('  @Property({ type: "text" })\r\n  body!: string; // once\r\n');
    expect(edited).toContain('readonly tenantId!: string & import("@mikro-orm/core").Opt;');
    expect(edited.replaceAll("\r\n", "")).not.toContain("\n");
  });

  test("a tenant column that was there, nullable", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}@Entity({ tableName: "app_notes" }) export class N { ${ID} @Property({ fieldName: "tenant_id", type: "uuid", nullable: true }) tenant?: string; @Property({ type: "text", unique: "app_notes_body" }) body!: string }`,
    );
    expect(notes).toEqual([]);
    expect(edited).toContain(
      '@Property({ fieldName: "tenant_id", type: "uuid", defaultRaw: "partywall.tenant_uuid()" }) tenant?: string;',
    );
    expect(edited).toContain('@Property({ type: "text" }) body!: string');
  });

  test("a definition by a function, with a unique key that is named, and an index of its own", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}export const Customer = defineEntity({ name: "Customer", tableName: "customers", properties: (p) => ({ id: p.uuid().primary(), emailAddress: p.text().unique("customers_email").nullable(), area: p.text(), branch: p.text() }), indexes: [{ properties: "area" }] });`,
    );
    expect(edited).toContain("emailAddress: p.text().nullable()");
    expect(edited).toContain(
      'tenantId: p.uuid().fieldName("tenant_id").defaultRaw("partywall.tenant_uuid()")',
    );
    expect(edited).toContain(
      '{ name: "customers_email", properties: ["tenantId", "emailAddress"] }',
    );
    expect(edited).toContain('indexes: [{ properties: "area" }]');
    expect(notes).toEqual([]);
  });

  test("a schema with objects, of a class", async () => {
    const { edited } = await edit(
      `${IMPORT}class AppNotes {}\nexport const schema = new EntitySchema({ class: AppNotes, properties: { id: { type: "uuid", primary: true }, body: { type: "text", unique: true } } });`,
    );
    expect(edited).toContain('body: { type: "text" }');
    expect(edited).toContain(
      'tenantId: { type: "uuid", fieldName: "tenant_id", defaultRaw: "partywall.tenant_uuid()" }',
    );
  });

  test("what a class inherits is read, and noted where it would have to change", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}abstract class Base { ${ID}\n@Property({ type: "text", unique: true }) emailAddress!: string; }\n@Entity({ tableName: "customers" }) export class C extends Base {\n@Property({ type: "text" }) area!: string;\n@Property({ type: "text" }) branch!: string;\n}\n`,
    );
    expect(edited).toContain(
      '@Unique({ name: "customers_tenant_id_id_key", properties: ["tenantId", "id"] })',
    );
    expect(edited).toContain('@Property({ type: "text", unique: true }) emailAddress');
    expect(notes.map(({ text }) => text)).toEqual([
      expect.stringContaining("Declare customers_email of tenant_id, email_address on C"),
    ]);
  });

  test("a base class from elsewhere: edited as far as it can be seen, and noted", async () => {
    const { edited, notes } = await edit(
      `import { Base } from "./base.js";\n${IMPORT}@Entity() export class AppNotes extends Base { @Property({ unique: true }) body!: string; }`,
    );
    expect(edited).toContain(
      '@Unique({ name: "app_notes_body", properties: ["tenantId", "body"] })',
    );
    expect(edited).toContain("@Property() body!: string;");
    expect(notes.map(({ text }) => text)).toEqual([
      expect.stringContaining("written elsewhere"),
      expect.stringContaining("app_notes_tenant_id_id_key"),
    ]);
  });

  test("relations stay as they are", async () => {
    const code = `  @ManyToOne(() => Customer, { nullable: true })\n  customer?: Customer;\n`;
    const { edited, notes } = await edit(
      `${IMPORT}@Entity({ tableName: "orders" }) export class O {\n  ${ID}\n\n${code}}\n`,
    );
    expect(edited).toContain(code);
    expect(notes).toEqual([]);
  });

  test("a file that is no TypeScript is named", async () => {
    await expect(edit("export const = ;")).rejects.toThrow(PartywallError);
    await expect(edit("export const = ;")).rejects.toThrow("entities.ts");
  });
});
