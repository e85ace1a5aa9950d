import { parse } from "@babel/parser";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AdoptedDatabase } from "../../../src/adopt/schema-files/adopted.js";
import { editSequelizeModels } from "../../../src/adopt/schema-files/sequelize.js";
import { describeEngine } from "../../support/engine.js";
import { adoptedDatabase, buildSite, planFor, runPlan, type Site } from "./adoption.js";

const DDL = `
create schema billing;
create table customers (id uuid primary key default gen_random_uuid(), email_address text unique);
create table orders (id int generated always as identity primary key, customer_id uuid references customers, number int, unique (customer_id, number));
create index orders_open on orders (number) where number > 0;
create table "Notes" (id serial primary key, "orderId" int references orders, organization_id uuid);
create table categories (code text primary key, parent text references categories);
create table order_categories (order_id int references orders, code text references categories, primary key (order_id, code));
create table billing.invoices (id uuid primary key default gen_random_uuid());
create table countries (code text primary key);
`;
const IMPORT = 'import { DataTypes, Model, Sequelize } from "sequelize";\n';

describeEngine("postgres", "a file of Sequelize models, however it is written", () => {
  let site: Site;
  let database: AdoptedDatabase;

  beforeAll(async () => {
    site = await buildSite();
    await site.client.query(DDL);
    const plan = await planFor(site, {
      schemas: ["public", "billing"],
      tables: {
        countries: "shared",
        Notes: { kind: "tenant", column: "organization_id" },
      },
    });
    await runPlan(site, plan);
    database = await adoptedDatabase(site, plan);
  });
  afterAll(() => site.close());

  /** Edits one file, and gives it (as it was, where it did not change) with the notes of its own. */
  async function edit(content: string, path = "models.ts") {
    const { files, notes } = await editSequelizeModels([{ path, content }], database);
    const edited = files[0]?.content ?? content;
    parse(edited, { sourceType: "unambiguous", plugins: ["typescript"] });
    const again = await editSequelizeModels([{ path, content: edited }], database);
    expect(again.files, "editing again changes nothing").toEqual([]);
    return { edited, notes: notes.filter((note) => note.path !== undefined) };
  }

  test.each([
    [
      "a computed table",
      "class Customer extends Model {}\nCustomer.init({ id: DataTypes.UUID }, { sequelize, tableName: prefix + 'customers' });",
      /table's name is not written out/,
    ],
    [
      "options from elsewhere",
      "class Customer extends Model {}\nCustomer.init({ id: DataTypes.UUID }, options);",
      /options are not written out/,
    ],
    [
      "attributes from elsewhere",
      "class Customer extends Model {}\nCustomer.init(attributes(), { sequelize });",
      /attributes are not written out/,
    ],
    [
      "a computed model",
      "sequelize.define(name, { id: DataTypes.UUID });",
      /model's name is not written out/,
    ],
    [
      "two models of a table",
      'sequelize.define("Customer", { id: DataTypes.UUID });\nsequelize.define("User", { id: DataTypes.UUID }, { tableName: "customers" });',
      /Several models stand for the table customers/,
    ],
  ])("%s: left alone, and noted where it stands", async (_, code, said) => {
    const { edited, notes } = await edit(IMPORT + code);
    expect(edited).toBe(IMPORT + code);
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) {
      expect(note).toMatchObject({ path: "models.ts", text: expect.stringMatching(said) });
      expect(note.line).toBeGreaterThan(1);
    }
  });

  test("a file that cannot be read: left alone and noted, and the others edited", async () => {
    const good = `${IMPORT}sequelize.define("Customer", { id: DataTypes.UUID });`;
    const { files, notes } = await editSequelizeModels(
      [
        { path: "bad.ts", content: "export const = ;" },
        { path: "good.ts", content: good },
      ],
      database,
    );
    expect(files.map(({ path }) => path)).toEqual(["good.ts"]);
    expect(notes).toContainEqual({
      path: "bad.ts",
      object: "bad.ts",
      text: expect.stringContaining("could not be read"),
    });
  });

  test("tables without a model are named, those that are not tenants' are not", async () => {
    const { notes } = await editSequelizeModels([], database);
    expect(notes.map(({ object }) => object)).toEqual([
      "billing.invoices",
      "Notes",
      "categories",
      "customers",
      "order_categories",
      "orders",
    ]);
  });

  test("models named in the singular, in the plural, and with a schema", async () => {
    const { edited } = await edit(
      `${IMPORT}sequelize.define("Category", { code: { type: DataTypes.TEXT, primaryKey: true } });\nsequelize.define("Orders", { number: DataTypes.INTEGER });\nsequelize.define("Invoice", { id: DataTypes.UUID }, { schema: "billing" });\nsequelize.define("Country", { code: DataTypes.TEXT });`,
    );
    const lines = edited.split("\n");
    expect(lines[1]).toContain("primaryKey: true, field");
    expect(lines[2]).toContain("tenantId:");
    expect(lines[3]).toContain("tenantId:");
    expect(lines[4]).not.toContain("tenant");
  });

  test("a tenant column that was there, written as a type alone", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}export const Note = db.define("Note", {\n  orderId: DataTypes.INTEGER,\n  organizationId: DataTypes.UUID, // whose it is\n});\n`,
    );
    expect(edited).toContain(
      'organizationId: { type: DataTypes.UUID, allowNull: false, defaultValue: db.literal("partywall.tenant_uuid()") }, // whose it is',
    );
    expect(edited).not.toContain("tenantId");
    expect(notes).toEqual([]);
  });

  test("a tenant column that was there, nullable and with another default", async () => {
    const { edited } = await edit(
      `${IMPORT}db.define("Note", { organization_id: { type: DataTypes.UUID, allowNull: true, defaultValue: DataTypes.UUIDV4 } });`,
    );
    expect(edited).toContain(
      'organization_id: { type: DataTypes.UUID, allowNull: false, defaultValue: db.literal("partywall.tenant_uuid()") }',
    );
  });

  test("an id that Sequelize would have added, where the key is of two columns", async () => {
    const other = await buildSite();
    try {
      await other.client.query('create table "Logs" (id serial primary key, line text)');
      const plan = await planFor(other, { keys: "composite" });
      await runPlan(other, plan);
      const { files } = await editSequelizeModels(
        [{ path: "log.js", content: `db.define("Log", { line: DataTypes.TEXT });` }],
        await adoptedDatabase(other, plan),
      );
      expect(files[0]!.content).toContain(
        "id: { type: DataTypes.INTEGER, allowNull: false, primaryKey: true, autoIncrement: true }, tenantId:",
      );
    } finally {
      await other.close();
    }
  });

  test("unique keys of several attributes, with a name and with a message", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}db.define("Order", {\n  customerId: { type: DataTypes.UUID, field: "customer_id", unique: "one_each" },\n  number: { unique: "one_each", type: DataTypes.INTEGER },\n});\ndb.define("Customer", { emailAddress: { type: DataTypes.TEXT, field: "email_address", unique: { name: "x", msg: "taken" } } });`,
    );
    expect(edited).not.toContain("one_each");
    expect(edited).toContain("number: { type: DataTypes.INTEGER }");
    expect(edited).toContain(
      '{ name: "orders_customer_id_number_key", unique: true, fields: ["tenant_id", "customer_id", "number"] }',
    );
    expect(edited).toContain('{ name: "customers_email_address_key", unique: true, fields:');
    expect(notes.map(({ text }) => text)).toContainEqual(
      expect.stringContaining("message of unique"),
    );
  });

  test("several unique keys: it is said what a bulk upsert needs, and indexes that no model declared stay so", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}db.define("Order", {\n  customerId: { type: DataTypes.UUID, unique: "one" },\n  number: { type: DataTypes.INTEGER, unique: "one" },\n}, { indexes: [{ unique: true, fields: ["tenant_id", "id"], name: "orders_tenant_id_id_key" }] });`,
    );
    expect(notes).toEqual([
      expect.objectContaining({ text: expect.stringContaining("conflictAttributes") }),
    ]);
    expect(edited).not.toContain("orders_open");
  });

  test("a list of indexes from elsewhere: left alone and noted", async () => {
    const { edited, notes } = await edit(
      `${IMPORT}db.define("Order", { number: DataTypes.INTEGER }, { indexes: list });`,
    );
    expect(edited).toContain("indexes: list");
    expect(notes).toEqual([
      expect.objectContaining({ text: expect.stringContaining("written out in a list") }),
    ]);
  });

  test("hooks that are there: added to, and noted where they say what to do before a sync", async () => {
    const { edited } = await edit(
      `${IMPORT}db.define("Customer", { id: DataTypes.UUID }, { hooks: { beforeSave() {} } });`,
    );
    expect(edited).toMatch(/hooks: \{ beforeSave\(\) \{\}, beforeSync\(options\) \{/);
    const { notes } = await edit(
      `${IMPORT}db.define("Customer", { id: DataTypes.UUID }, { hooks: { beforeSync() {} } });`,
    );
    expect(notes).toEqual([
      expect.objectContaining({ text: expect.stringContaining("beforeSync") }),
    ]);
  });

  test("a model whose init() is called on super, in CommonJS with single quotes and Windows' line ends", async () => {
    const { edited, notes } = await edit(
      "const { Model, DataTypes } = require('sequelize');\r\nmodule.exports = class Customer extends Model {\r\n  static init(sequelize) {\r\n    return super.init({\r\n      emailAddress: { type: DataTypes.TEXT, field: 'email_address' }\r\n    }, { sequelize, tableName: 'customers' });\r\n  }\r\n  static associate(models) {\r\n    this.hasMany(models.Order, { foreignKey: 'customer_id' });\r\n  }\r\n};\r\n",
      "customer.js",
    );
    expect(edited).toContain(
      "field: 'tenant_id', defaultValue: sequelize.literal('partywall.tenant_uuid()') },\r\n",
    );
    expect(edited.replaceAll("\r\n", "")).not.toContain("\n");
    // The other model is in no file that was named.
    expect(notes).toEqual([
      expect.objectContaining({ text: expect.stringContaining("hasMany()") }),
    ]);
  });

  const TWO = `${IMPORT}const Order = db.define("Order", { number: DataTypes.INTEGER, customerId: DataTypes.UUID });\nconst Customer = db.define("Customer", { id: DataTypes.UUID });\n`;

  test.each([
    ["Order.belongsTo(Customer);", "Order.belongsTo(Customer, { constraints: false });"],
    [
      'Customer.hasOne(Order, { foreignKey: "customerId", onDelete: "CASCADE", onUpdate: "CASCADE" });',
      'Customer.hasOne(Order, { foreignKey: "customerId", constraints: false });',
    ],
    [
      'Customer.hasMany(db.models.Order, { onDelete: "CASCADE", foreignKey: { name: "customerId" } });',
      'Customer.hasMany(db.models.Order, { foreignKey: { name: "customerId" }, constraints: false });',
    ],
    [
      "Order.belongsTo(Customer, { constraints: true });",
      "Order.belongsTo(Customer, { constraints: false });",
    ],
    ["Customer.hasMany(Customer);", "Customer.hasMany(Customer);"],
  ])("an association: %s", async (before, after) => {
    const { edited, notes } = await edit(TWO + before);
    expect(edited).toContain(after);
    expect(notes).toEqual([]);
  });

  test.each([
    ["Order.belongsTo(Customer, options);", /options are not written out/],
    ['Customer.hasMany(Order, { onDelete: "cascade", hooks: true });', /hooks go by onDelete/],
    ["Order.belongsTo(find());", /not known which models/],
  ])("an association that is not edited safely: %s", async (before, said) => {
    const { edited, notes } = await edit(TWO + before);
    expect(edited).toContain(before);
    expect(notes).toEqual([expect.objectContaining({ text: expect.stringMatching(said) })]);
  });

  test("a junction that is a name alone: it is said that it needs a model", async () => {
    const { edited, notes } = await edit(
      `${TWO}const Category = db.define("Category", { code: DataTypes.TEXT });\nOrder.belongsToMany(Category, { through: "order_categories" });`,
    );
    expect(edited).toContain('through: "order_categories", constraints: false');
    expect(notes).toContainEqual({
      path: "models.ts",
      object: "order_categories",
      text: expect.stringContaining("Define a model of it"),
    });
  });

  test("references of an attribute go where the key is of two columns", async () => {
    const { edited } = await edit(
      `${IMPORT}db.define("Order", {\n  customerId: {\n    type: DataTypes.UUID,\n    field: "customer_id",\n    references: { model: "customers", key: "id" },\n    onDelete: "SET NULL", // kept by the database\n  },\n});`,
    );
    expect(edited).not.toContain("references");
    expect(edited).not.toContain("onDelete");
    expect(edited).toContain('field: "customer_id", // kept by the database\n');
  });

  test.each([
    [
      "define() with the attributes of a model",
      `interface A { id: string }\ntype C = Optional<A, "id">;\ndb.define<Model<A, C>>("Customer", { id: DataTypes.UUID });`,
      ["interface A { id: string; tenantId: string }", 'Optional<A, "id" | "tenantId">'],
    ],
    [
      "define() with an interface of the instance",
      `interface Customer extends Model<InferAttributes<Customer>, InferCreationAttributes<Customer>> {\n  id: string;\n}\ndb.define<Customer>("Customer", { id: DataTypes.UUID });`,
      [
        "  id: string;\n  tenantId: CreationOptional<string>;\n",
        "Sequelize, type CreationOptional }",
      ],
    ],
    [
      "public fields",
      `interface A { id: string }\nclass Customer extends Model<A> implements A {\n  public id!: string;\n}\nCustomer.init({ id: DataTypes.UUID }, { sequelize: db });`,
      ["{ id: string; tenantId?: string }", "  public id!: string;\n  public tenantId!: string;\n"],
    ],
  ])("types: %s", async (_, code, wanted) => {
    const { edited, notes } = await edit(IMPORT + code);
    for (const one of wanted) expect(edited).toContain(one);
    expect(notes).toEqual([]);
  });

  test("types that cannot be followed are noted", async () => {
    const { notes } = await edit(
      `${IMPORT}class Customer extends Model<Imported, Created> {}\nCustomer.init({ id: DataTypes.UUID }, { sequelize: db });`,
    );
    expect(notes).toEqual([
      expect.objectContaining({
        text: expect.stringContaining("Add tenantId: string to the type"),
      }),
    ]);
  });
});
