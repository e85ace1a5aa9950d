import { parse } from "@babel/parser";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AdoptedDatabase } from "../../../src/adopt/schema-files/adopted.js";
import { editKyselyTypes } from "../../../src/adopt/schema-files/kysely.js";
import { describeEngine } from "../../support/engine.js";
import { adoptedDatabase, buildSite, planFor, runPlan, type Site } from "./adoption.js";

const DDL = `
create table customers (id uuid primary key default gen_random_uuid(), email_address text);
create table order_items (id int generated always as identity primary key, customer_id uuid references customers);
create table notes (id uuid primary key default gen_random_uuid(), organization_id uuid);
create table countries (code text primary key);
`;

describeEngine("postgres", "types of a database for Kysely, however they are written", () => {
  let site: Site;
  let database: AdoptedDatabase;

  beforeAll(async () => {
    site = await buildSite();
    await site.client.query(DDL);
    const plan = await planFor(site, {
      tables: { countries: "shared", notes: { kind: "tenant", column: "organization_id" } },
    });
    await runPlan(site, plan);
    database = await adoptedDatabase(site, plan);
  });
  afterAll(() => site.close());

  /** Edits one file, and gives it (as it was, where it did not change) with the notes of its own. */
  async function edit(content: string) {
    const { files, notes } = await editKyselyTypes([{ path: "db.ts", content }], database);
    const edited = files[0]?.content ?? content;
    parse(edited, { sourceType: "module", plugins: ["typescript"] });
    const again = await editKyselyTypes([{ path: "db.ts", content: edited }], database);
    expect(again.files, "editing again changes nothing").toEqual([]);
    return { edited, notes: notes.filter(({ path }) => path !== undefined) };
  }

  test.each([
    [
      "rows whose type is in no file",
      'import type { Customer } from "./customer.js";\ninterface DB { customers: Customer }\n',
      /in no file that was named/,
    ],
    [
      "two types of one table",
      "interface DB { customers: A }\ninterface Old { customers: B }\ninterface A { id: string }\ninterface B { id: string }\n",
      /Several types stand for the rows/,
    ],
    [
      "a type that a shared table has too",
      "interface DB { customers: Row; countries: Row }\ninterface Row { code: string }\n",
      /another table too/,
    ],
  ])("%s: left alone, and noted where it stands", async (_, code, said) => {
    const { edited, notes } = await edit(code);
    expect(edited).toBe(code);
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) expect(note.text).toMatch(said);
  });

  test("a file that cannot be read: left alone and noted", async () => {
    const { files, notes } = await editKyselyTypes(
      [{ path: "db.ts", content: "interface {" }],
      database,
    );
    expect(files).toEqual([]);
    expect(notes[0]).toMatchObject({ path: "db.ts", text: expect.stringContaining("could not") });
  });

  test("a type that only looks like a database, such as a row with a table's name in it", async () => {
    const code =
      "interface Page { id: string; customers: Shown }\ninterface Shown { count: string }\ninterface Other { customers: Shown[] }\n";
    const { edited } = await edit(code);
    expect(edited).toBe(code);
  });

  test("types of several files, one of them shared by two tenants' tables", async () => {
    const { files, notes } = await editKyselyTypes(
      [
        {
          path: "db.ts",
          content:
            'import type { Row } from "./row.js";\nexport interface DB { customers: Row; order_items: Row; notes: { id: string } }\n',
        },
        { path: "row.ts", content: "export interface Row {\n  id: string;\n}\n" },
      ],
      database,
    );
    expect(notes).toEqual([]);
    expect(files.map(({ path }) => path)).toEqual(["db.ts", "row.ts"]);
    expect(files[1]!.content).toBe(
      'import type { Generated } from "kysely";\n\nexport interface Row {\n  id: string;\n  tenant_id: Generated<string>;\n}\n',
    );
    expect(files[0]!.content).toContain(
      "notes: { id: string; organization_id: Generated<string> }",
    );
  });

  test("keys in camel case, by the columns beside it and by the tables'", async () => {
    const { edited } = await edit(
      'import { Kysely, type Generated as Made } from "kysely";\ninterface DB { customers: C; orderItems: O }\ninterface C { id: Made<string>, emailAddress: string }\ninterface O { id: number }\n',
    );
    expect(edited).toContain("emailAddress: string, tenantId: Made<string> }");
    expect(edited).toContain("{ id: number; tenantId: Made<string> }");
  });

  test("keys in camel case, by the plugin alone", async () => {
    const { edited } = await edit(
      "interface DB { customers: C }\ntype C = { id: string }\nconst plugins = [new CamelCasePlugin()];\n",
    );
    expect(edited).toContain("tenantId: Generated<string>");
  });

  test.each([
    ["organization_id: string | null", "organization_id: Generated<string>"],
    ["organization_id: Generated<string | null>", "organization_id: Generated<string | null>"],
    ["organizationId: OrganizationId | null", "organizationId: Generated<OrganizationId>"],
    [
      "organization_id: ColumnType<string, never, never>",
      "organization_id: ColumnType<string, never, never>",
    ],
  ])("a tenant column that was there: %s", async (before, after) => {
    const { edited } = await edit(
      `import type { ColumnType, Generated } from 'kysely';\r\ninterface DB { notes: Note }\r\ninterface Note {\r\n  id: string;\r\n  ${before};\r\n}\r\n`,
    );
    expect(edited).toContain(`  ${after};\r\n}`);
    expect(edited.replaceAll("\r\n", "")).not.toContain("\n");
  });
});
