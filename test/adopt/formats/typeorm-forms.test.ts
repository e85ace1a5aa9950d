import { parse } from "@babel/parser";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PartywallError } from "partywall";
import type { AdoptedDatabase } from "../../../src/adopt/schema-files/adopted.js";
import { editTypeormSchema } from "../../../src/adopt/schema-files/typeorm.js";
import { describeEngine } from "../../support/engine.js";
import { adoptedDatabase, buildSite, planFor, runPlan, type Site } from "./adoption.js";

const DDL = `
create table customers (id uuid primary key default gen_random_uuid(), email_address text constraint customers_email unique, area text, branch text);
create unique index customers_place on customers (area, branch);
create table orders (id uuid primary key default gen_random_uuid(), customer_id uuid constraint orders_customer references customers);
create table app_notes (id uuid primary key default gen_random_uuid(), body text constraint app_notes_body unique, tenant_id uuid);
`;
const IMPORT =
  'import { Column, Entity, EntitySchema, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique } from "typeorm";\n';
const ID = '@PrimaryGeneratedColumn("uuid") id!: string;';

describeEngine("postgres", "an entity of TypeORM, however it is written", () => {
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
  async function edit(content: string, path = "entities.ts") {
    const { files, notes } = await editTypeormSchema([{ path, content }], database);
    const edited = files[0]?.content ?? content;
    parse(edited, { sourceType: "module", plugins: ["typescript", "decorators-legacy"] });
    const again = await editTypeormSchema([{ path, content: edited }], database);
    expect(again.files).toEqual([]);
    return { edited, notes: notes.filter((note) => note.path !== undefined) };
  }

  test.each([
    [
      "a table whose name is computed",
      `const n = "customers";\n@Entity(n) export class C { ${ID} }`,
      3,
      /name is not written out/,
    ],
    [
      "a schema whose options are elsewhere",
      "export const C = new EntitySchema(options);",
      2,
      /options are not written out/,
    ],
    [
      "a schema whose name is computed",
      "export const C = new EntitySchema({ name: n, columns: {} });",
      2,
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
    const code = `${IMPORT}@Entity("customers") export class A { ${ID} }\n@Entity("customers") export class B { ${ID} }\n`;
    const { edited, notes } = await edit(code);
    expect(edited).toBe(code);
    expect(notes.map(({ object, text }) => `${object}: ${text}`)).toEqual([
      expect.stringMatching(/^A: customers is also the table of B/),
      expect.stringMatching(/^B: customers is also the table of A/),
    ]);
  });

  test("tables that no entity declares are named", async () => {
    const { notes } = await editTypeormSchema(
      [{ path: "a.ts", content: `${IMPORT}@Entity("orders") export class O { ${ID} }` }],
      database,
    );
    expect(
      notes.filter(({ text }) => text.startsWith("No entity")).map(({ object }) => object),
    ).toEqual(["app_notes", "customers"]);
  });

  test("decorators of other packages, and classes that are no entities, are left alone", async () => {
    const code = `import { Entity, Column } from "./own.js";\n@Entity("customers") export class C { @Column({ unique: true }) email!: string; }\nexport class D {}\n`;
    expect(await edit(code)).toEqual({ edited: code, notes: [] });
  });

  test("a whole namespace imported, names that follow from the class's, and Windows' line ends", async () => {
    const { edited, notes } = await edit(
      'import * as orm from "typeorm";\r\n\r\n@orm.Entity()\r\nexport class AppNotes {\r\n  @orm.PrimaryGeneratedColumn("uuid")\r\n  id!: string;\r\n\r\n  @orm.Column({ unique: true }) body!: string; // once\r\n}\r\n',
    );
    expect(notes).toEqual([]);
    expect(edited).toContain('@orm.Unique("app_notes_body", ["tenantId", "body"])\r\n');
    expect(edited).toContain("@orm.Column() body!: string; // once\r\n");
    expect(edited.replaceAll("\r\n", "")).not.toContain("\n");
  });

  test("a tenant column that was there, nullable", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}@Entity("app_notes") export class N { ${ID} @Column("uuid", { name: "tenant_id", nullable: true }) tenant?: string; @Column("text") @Index({ unique: true }) body!: string }`,
    );
    expect(notes).toEqual([]);
    expect(edited).toContain(
      '@Column("uuid", { name: "tenant_id", default: () => "partywall.tenant_uuid()" }) tenant?: string;',
    );
  });

  test("names in the database that only a naming strategy gives, and keys given by a function", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}@Entity("customers") @Index((c: C) => [c.area, c.branch], { unique: true }) export class C { ${ID}\n@Column() area!: string;\n@Column() branch!: string;\n@Column("text", { unique: true }) emailAddress!: string;\n}`,
    );
    expect(notes).toEqual([]);
    expect(edited).toContain(
      '@Index("customers_place", (c: C) => [c.tenantId, c.area, c.branch], { unique: true })',
    );
    expect(edited).toContain('@Unique("customers_email", ["tenantId", "emailAddress"])');
    expect(edited).toContain('@Column("text") emailAddress!: string;');
  });

  test("what a class inherits is read, and noted where it would have to change", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}abstract class Base { ${ID}\n@Column("text", { name: "email_address", unique: true }) email!: string; }\n@Entity("customers") export class C extends Base {\n@Column() area!: string;\n@Column() branch!: string;\n}\n`,
    );
    expect(edited).toContain('@Unique("customers_tenant_id_id_key", ["tenantId", "id"])');
    expect(edited).toContain("abstract class Base { @PrimaryGenerated");
    expect(notes.map(({ text }) => text)).toEqual([
      expect.stringContaining("Declare customers_email of tenant_id, email_address on C"),
    ]);
  });

  test("a base class from elsewhere: edited as far as it can be seen, and noted", async () => {
    const { edited, notes } = await edit(
      `import { Base } from "./base.js";\n${IMPORT}@Entity("app_notes") export class N extends Base { @Column({ unique: true }) body!: string; }`,
    );
    expect(edited).toContain('@Unique("app_notes_body", ["tenantId", "body"])');
    expect(notes.map(({ text }) => text)).toEqual([
      expect.stringContaining("written elsewhere"),
      expect.stringContaining("app_notes_tenant_id_id_key"),
    ]);
  });

  test("a relation without a join column, by the class's name, in a file of JavaScript", async () => {
    const { edited } = await edit(
      `${IMPORT}@Entity("orders") export class O {\n  @PrimaryGeneratedColumn("uuid")\n  id;\n\n  @ManyToOne("Customer")\n  customer;\n}\n@Entity("customers") export class Customer {\n  @PrimaryGeneratedColumn("uuid")\n  id;\n}\n`,
      "entities.js",
    );
    expect(edited).toContain('@ManyToOne("Customer", { createForeignKeyConstraints: false })');
    expect(edited).toContain(
      '@ForeignKey("Customer", ["tenantId", "customer"], ["tenantId", "id"], { name: "orders_customer" })',
    );
    expect(edited).toContain("  tenantId;\n");
  });

  test("the type that a schema is of, where it is in the file; otherwise noted", async () => {
    const schema = (type: string) =>
      `export const C = new EntitySchema<${type}>({ name: "C", tableName: "customers", columns: { id: { type: "uuid", primary: true } } });\n`;
    const { edited, notes } = await edit(`${IMPORT}type C = { id: string };\n${schema("C")}`);
    expect(edited).toContain("type C = { id: string; readonly tenantId?: string; };");
    expect(notes.some(({ text }) => text.startsWith("Add tenantId"))).toBe(false);
    const other = await edit(`${IMPORT}${schema("Elsewhere")}`);
    expect(other.notes.map(({ text }) => text)).toContain("Add tenantId?: string to Elsewhere.");
  });

  test("a property that is called as the tenant's would be", async () => {
    const { edited } = await edit(
      `${IMPORT}@Entity("orders") export class O { ${ID} @Column("uuid", { name: "customer_id" }) tenantId!: string; }`,
    );
    expect(edited).toContain("readonly tenantId2!: string;");
  });

  test("a file that is no TypeScript is named", async () => {
    await expect(edit("export const = ;")).rejects.toThrow(PartywallError);
    await expect(edit("export const = ;")).rejects.toThrow("entities.ts");
  });
});
