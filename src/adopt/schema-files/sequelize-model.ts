import type { ForeignKey } from "../schema.js";
import { columnsOf, primaryKeyOf, type TenantTable } from "./adopted.js";
import { addToList } from "./drizzle-extra.js";
import { removeItems } from "./list-edits.js";
import { newKey } from "./model-keys.js";
import type { ModuleFile, ModuleFiles } from "./module-files.js";
import { SequelizeIndexes } from "./sequelize-indexes.js";
import type { SequelizeAttribute, SequelizeModel } from "./sequelize-source.js";
import {
  bare,
  keyOf,
  placeOf,
  propertyOf,
  stringOf,
  type Expression,
  type Syntax,
} from "./syntax.js";

type ObjectNode = Syntax<"ObjectExpression">;

const HOOK =
  "beforeSync(options) { /* PostgreSQL sets no type anew where policies read the column: alter may only add. */ if (options.alter) options.alter = { drop: false }; }";

/** Brings the attributes and options of one Sequelize model in line with the database. */
export class SequelizeModelEdits {
  readonly #model: SequelizeModel;
  readonly #adopted: TenantTable;
  readonly #file: ModuleFile;
  readonly #modules: ModuleFiles;
  readonly #added: string[] = [];
  readonly #removed = new Map<SequelizeAttribute, ObjectNode["properties"]>();
  readonly #more = new Map<SequelizeAttribute, string[]>();
  readonly #options: string[] = [];
  /** The attribute that was added for the tenant. */
  key: string | undefined;

  constructor(model: SequelizeModel, modules: ModuleFiles) {
    this.#model = model;
    this.#adopted = model.adopted;
    this.#file = model.file;
    this.#modules = modules;
  }

  write(): void {
    if (this.#model.isPartial) {
      this.#note(
        "Some of the model's attributes are not written out here, and were not looked at.",
      );
    }
    if (!this.#tenant()) return;
    this.#primaryKey();
    this.#references();
    const indexes = new SequelizeIndexes(this.#model, this.#modules);
    for (const attribute of indexes.replaced) this.#remove(attribute, ["unique"]);
    this.#options.push(...indexes.write());
    this.#hook();
    this.#writeAttributes();
    this.#writeOptions();
  }

  #note(text: string): void {
    this.#modules.note(this.#file, this.#model.call, this.#model.names[0]!, text);
  }

  #source(node: Parameters<typeof placeOf>[0]): string {
    const { start, end } = placeOf(node);
    return this.#file.text.slice(start, end);
  }

  #attribute(column: string): SequelizeAttribute | undefined {
    return this.#model.attributes.find((one) => one.column === column);
  }

  #remove(attribute: SequelizeAttribute, names: readonly string[]): void {
    if (attribute.value.type !== "ObjectExpression") return;
    const doomed = attribute.value.properties.filter(
      (one) => one.type === "ObjectProperty" && names.includes(keyOf(one) ?? ""),
    );
    this.#removed.set(attribute, [...(this.#removed.get(attribute) ?? []), ...doomed]);
  }

  #add(attribute: SequelizeAttribute, code: string): void {
    this.#more.set(attribute, [...(this.#more.get(attribute) ?? []), code]);
  }

  #tenant(): boolean {
    const { tenant } = this.#adopted;
    const types = this.#types();
    const literal = this.#literal();
    if (types === undefined || literal === undefined) {
      this.#note(
        `It is not known what the file calls ${types === undefined ? "DataTypes" : "its Sequelize"}. Add an attribute of the column ${tenant.name} by hand.`,
      );
      return false;
    }
    const value =
      tenant.default === null
        ? undefined
        : `defaultValue: ${literal}(${this.#file.quote(tenant.default)})`;
    const existing = this.#attribute(tenant.name);
    if (existing === undefined) {
      const keys = this.#model.attributes.map(({ key }) => key);
      const key = newKey(tenant.name, keys);
      this.key = key;
      const parts = [
        `type: ${types}.${typeName(tenant.type)}`,
        "allowNull: false",
        ...(this.#isInPrimaryKey ? ["primaryKey: true"] : []),
        ...(key === tenant.name ? [] : [`field: ${this.#file.quote(tenant.name)}`]),
        ...(value === undefined ? [] : [value]),
      ];
      this.#added.push(`${key}: { ${parts.join(", ")} }`);
      return true;
    }
    const nullable = propertyOf(existing.value, "allowNull");
    if (nullable === undefined) this.#add(existing, "allowNull: false");
    else if (this.#source(nullable) !== "false") {
      this.#file.edits.replace(placeOf(nullable).start, placeOf(nullable).end, "false");
    }
    if (value === undefined) return true;
    const given = propertyOf(existing.value, "defaultValue");
    if (given === undefined) this.#add(existing, value);
    else if (!isLiteral(given, tenant.default!)) {
      const { start, end } = placeOf(given);
      this.#file.edits.replace(start, end, value.slice("defaultValue: ".length));
    }
    return true;
  }

  get #isInPrimaryKey(): boolean {
    const index = primaryKeyOf(this.#adopted.table);
    return index?.keys.some(({ column }) => column === this.#adopted.tenant.name) === true;
  }

  /** What the file calls `DataTypes`, by a type that is there. */
  #types(): string | undefined {
    for (const { value } of this.#model.attributes) {
      let type = bare(propertyOf(value, "type") ?? value);
      while (type.type === "CallExpression" || type.type === "NewExpression") {
        type = bare(type.callee as Expression);
      }
      // A chain, as DataTypes.INTEGER.UNSIGNED, begins with it.
      while (type.type === "MemberExpression" && type.object.type === "MemberExpression") {
        const { property } = type.object;
        if (property.type !== "Identifier" || !/^[A-Z_]+$/.test(property.name)) break;
        type = type.object;
      }
      if (type.type === "MemberExpression") return this.#source(type.object);
    }
    return /\bDataTypes\b/.test(this.#file.text) ? "DataTypes" : undefined;
  }

  /** The `literal()` of the Sequelize that the model belongs to. */
  #literal(): string | undefined {
    const { callee } = this.#model.call;
    if (callee.type !== "MemberExpression") return undefined;
    const isDefine = callee.property.type === "Identifier" && callee.property.name === "define";
    const owner = isDefine ? callee.object : propertyOf(this.#model.options, "sequelize");
    if (owner !== undefined) return `${this.#source(owner)}.literal`;
    return /\bSequelize\b/.test(this.#file.text) ? "Sequelize.literal" : undefined;
  }

  #primaryKey(): void {
    if (!this.#isInPrimaryKey) return;
    const { table, tenant } = this.#adopted;
    for (const name of columnsOf(primaryKeyOf(table)!) ?? []) {
      const attribute = this.#attribute(name);
      if (attribute !== undefined) {
        const given = propertyOf(attribute.value, "primaryKey");
        if (given === undefined) this.#add(attribute, "primaryKey: true");
        else if (this.#source(given) !== "true") {
          this.#file.edits.replace(placeOf(given).start, placeOf(given).end, "true");
        }
      } else if (name === "id") {
        // Where a model names a primary key, Sequelize no longer adds its own `id`.
        const isBig = table.columns.find((one) => one.name === name)?.type === "bigint";
        this.#added.unshift(
          `id: { type: ${this.#types()}.${isBig ? "BIGINT" : "INTEGER"}, allowNull: false, primaryKey: true, autoIncrement: true }`,
        );
      } else if (name !== tenant.name) {
        this.#note(`Have an attribute of the column ${name} be part of the primary key.`);
      }
    }
  }

  /** References of one column, where the database has them name the tenant: Sequelize cannot declare those. */
  #references(): void {
    for (const attribute of this.#model.attributes) {
      if (propertyOf(attribute.value, "references") === undefined) continue;
      if (!tenantKeys(this.#adopted).some(({ columns }) => columns.includes(attribute.column)))
        continue;
      if (attribute.column === this.#adopted.tenant.name) continue;
      this.#remove(attribute, ["references", "onDelete", "onUpdate"]);
    }
  }

  #hook(): void {
    if (this.#isInPrimaryKey) return;
    const given = propertyOf(this.#model.options, "hooks");
    if (given === undefined) {
      if (!this.#hasProperty(this.#model.options, "hooks"))
        this.#options.push(`hooks: { ${HOOK} }`);
      return;
    }
    const hooks = bare(given);
    if (hooks.type === "ObjectExpression" && !this.#hasProperty(hooks, "beforeSync")) {
      const last = hooks.properties.at(-1);
      addToList(this.#file, placeOf(hooks), last && placeOf(last), [HOOK]);
    } else if (!/drop:\s*false/.test(this.#source(hooks))) {
      this.#note(
        "Have the model's beforeSync set options.alter to { drop: false } where it is set: PostgreSQL sets no type anew where policies read the column.",
      );
    }
  }

  #hasProperty(object: ObjectNode | undefined, name: string): boolean {
    return (
      object?.properties.some((one) => one.type !== "SpreadElement" && keyOf(one) === name) === true
    );
  }

  #writeAttributes(): void {
    for (const attribute of new Set([...this.#removed.keys(), ...this.#more.keys()])) {
      const { value } = attribute;
      const more = this.#more.get(attribute) ?? [];
      if (value.type !== "ObjectExpression") {
        const { start, end } = placeOf(value);
        this.#file.edits.insert(start, "{ type: ");
        this.#file.edits.insert(end, `, ${more.join(", ")} }`);
        continue;
      }
      removeItems(this.#file, value.properties, this.#removed.get(attribute) ?? []);
      const last = value.properties.at(-1);
      if (more.length > 0) addToList(this.#file, placeOf(value), last && placeOf(last), more);
    }
    if (this.#added.length === 0) return;
    const { attributesObject } = this.#model;
    const last = attributesObject.properties.at(-1);
    addToList(this.#file, placeOf(attributesObject), last && placeOf(last), this.#added);
  }

  #writeOptions(): void {
    if (this.#options.length === 0) return;
    const { options, call } = this.#model;
    if (options === undefined) {
      const last = call.arguments.at(-1)!;
      this.#file.edits.insert(placeOf(last).end, `, { ${this.#options.join(", ")} }`);
      return;
    }
    const last = options.properties.at(-1);
    addToList(this.#file, placeOf(options), last && placeOf(last), this.#options);
  }
}

/** The foreign keys of a table that name the tenant beside another column. */
export const tenantKeys = ({ table, tenant }: TenantTable): ForeignKey[] =>
  table.foreignKeys.filter(({ columns }) => columns.length > 1 && columns.includes(tenant.name));

function isLiteral(node: Expression, sql: string): boolean {
  const call = bare(node);
  return call.type === "CallExpression" && stringOf(call.arguments[0] as Expression) === sql;
}

function typeName(type: string): string {
  const length = /^character varying\((\d+)\)$/.exec(type)?.[1];
  if (length !== undefined) return `STRING(${length})`;
  return { uuid: "UUID", bigint: "BIGINT" }[type] ?? "TEXT";
}
