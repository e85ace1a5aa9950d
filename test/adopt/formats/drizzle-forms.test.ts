import { parse } from "@babel/parser";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PartywallError } from "partywall";
import type { AdoptedDatabase } from "../../../src/adopt/schema-files/adopted.js";
import { editDrizzleSchema } from "../../../src/adopt/schema-files/drizzle.js";
import { describeEngine } from "../../support/engine.js";
import { adoptedDatabase, buildSite, planFor, runPlan, type Site } from "./adoption.js";

const DDL = `
create table customers (id uuid primary key default gen_random_uuid(), email_address text constraint customers_email_address_unique unique);
create table orders (id uuid primary key default gen_random_uuid(), customer_id uuid constraint orders_customer_id_customers_id_fk references customers);
create table app_notes (id uuid primary key default gen_random_uuid(), body text constraint app_notes_body_unique unique, tenant_id uuid);
`;
const CORE = 'import { index, pgTable, text, uuid } from "drizzle-orm/pg-core";\n';

describeEngine("postgres", "a Drizzle file, however it is written", () => {
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
  async function edit(content: string, casing?: "snake_case" | "camelCase") {
    const { files, notes } = await editDrizzleSchema(
      [{ path: "schema.ts", content }],
      database,
      casing,
    );
    const edited = files[0]?.content ?? content;
    parse(edited, { sourceType: "module", plugins: ["typescript"] });
    return { edited, notes: notes.filter(({ path }) => path !== undefined) };
  }

  test.each([
    [
      "a computed name",
      'const n = "customers"; export const c = pgTable(n, { id: uuid("id").primaryKey() });',
      /name is not written out/,
    ],
    [
      "columns from elsewhere",
      'const columns = make(); export const c = pgTable("customers", columns);',
      /columns are not written out/,
    ],
    [
      "keys from elsewhere",
      'export const c = pgTable("customers", { id: uuid("id").primaryKey() }, makeKeys);',
      /third argument is not a function/,
    ],
    [
      "keys that a function computes",
      'export const c = pgTable("customers", { id: uuid("id").primaryKey() }, (t) => { const k = []; return k; });',
      /third argument is not a function/,
    ],
  ])("%s: left alone, and noted where it stands", async (_, code, said) => {
    const { edited, notes } = await edit(CORE + code);
    expect(edited).toBe(CORE + code);
    expect(notes).toEqual([
      expect.objectContaining({ path: "schema.ts", line: 2, text: expect.stringMatching(said) }),
    ]);
  });

  test("a reference to a table that is not known: left alone and noted, and all else edited", async () => {
    const code = `${CORE}export const orders = pgTable("orders", {\n  id: uuid("id").primaryKey(),\n  customerId: uuid("customer_id").references(() => imported.id),\n});\n`;
    const { edited, notes } = await edit(code);
    expect(edited).toContain(".references(() => imported.id)");
    expect(edited).toContain('tenantId: uuid("tenant_id").notNull()');
    expect(notes).toEqual([
      expect.objectContaining({ line: 4, text: expect.stringContaining("not known which table") }),
    ]);
  });

  test("a column shared by a spread: left alone and noted", async () => {
    const { edited, notes } = await edit(
      `${CORE}const shared = { emailAddress: text("email_address").unique() };\nexport const c = pgTable("customers", { id: uuid("id").primaryKey(), ...shared });`,
    );
    expect(edited).toContain('const shared = { emailAddress: text("email_address").unique() };');
    expect(notes.some(({ text }) => text.includes("shared by several tables"))).toBe(true);
  });

  test("names that follow from keys by the casing", async () => {
    const { edited, notes } = await edit(
      `${CORE}export const c = pgTable("customers", { id: uuid().primaryKey(), emailAddress: text().unique() });`,
      "snake_case",
    );
    expect(notes).toEqual([]);
    expect(edited).toContain(
      'unique("customers_email_address_unique").on(table.tenantId, table.emailAddress)',
    );
  });

  test("a whole namespace imported, names that are taken, and Windows' line ends", async () => {
    const { edited, notes } = await edit(
      'import * as p from "drizzle-orm/pg-core";\r\nconst sql = 1;\r\nexport const c = p.pgTable("customers", {\r\n  id: p.uuid("id").primaryKey(),\r\n  email: p.text("email_address").unique(), // the login\r\n});\r\n',
    );
    expect(notes).toEqual([]);
    expect(edited).toContain('import { sql as pgSql } from "drizzle-orm";\r\n');
    expect(edited).toContain('p.unique("customers_email_address_unique")');
    expect(edited).toContain('email: p.text("email_address"), // the login\r\n');
    expect(edited.replaceAll("\r\n", "")).not.toContain("\n");
  });

  test("a creator that gives names a prefix, and a tenant column that was there, nullable", async () => {
    const { edited, notes } = await edit(
      'import { pgTableCreator, text, uuid } from "drizzle-orm/pg-core";\nconst table = pgTableCreator((name) => `app_${name}`);\nexport const notes = table("notes", { id: uuid("id").primaryKey(), body: text("body").unique(), tenant: uuid("tenant_id") }).enableRLS();\n',
    );
    expect(notes).toEqual([]);
    expect(edited).toContain(
      'tenant: uuid("tenant_id").notNull().default(sql`partywall.tenant_uuid()`)',
    );
    expect(edited).toContain('unique("app_notes_body_unique").on(table.tenant, table.body)');
    expect(edited).toContain("]).enableRLS();");
  });

  test("a function without a parameter, and one that takes its columns apart", async () => {
    const { edited } = await edit(
      `${CORE}export const c = pgTable("customers", { id: uuid("id").primaryKey(), email: text("email_address").unique() }, () => []);\nexport const o = pgTable("orders", { id: uuid("id").primaryKey(), customerId: uuid("customer_id").references(() => c.id) }, ({ id: own }) => ({ x: index("nothing").on(own) }));`,
    );
    expect(edited).toContain("(table) => [");
    expect(edited).toContain("({ id: own, customerId, tenantId }) => ({");
    expect(edited).toContain("columns: [customerId, tenantId], foreignColumns: [c.id, c.tenantId]");
  });

  test("a file that is no TypeScript is named", async () => {
    await expect(edit("export const = ;")).rejects.toThrow(PartywallError);
    await expect(edit("export const = ;")).rejects.toThrow("schema.ts");
  });
});
