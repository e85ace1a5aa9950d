import type { Index } from "../schema.js";
import { columnsOf, indexFor, isPlain } from "./adopted.js";
import { addToList } from "./drizzle-extra.js";
import { columnOfKey, snakeCase } from "./model-keys.js";
import type { ModuleFiles } from "./module-files.js";
import type { SequelizeAttribute, SequelizeModel } from "./sequelize-source.js";
import { bare, placeOf, propertyOf, stringOf, type Expression, type Syntax } from "./syntax.js";

/**
 * The unique keys and indexes of a Sequelize model. A unique key of an attribute becomes an index of the options, since
 * an attribute cannot name a further column. Indexes that no model declared stay so: what a bulk upsert conflicts with
 * goes by those that are.
 */
export class SequelizeIndexes {
  readonly #model: SequelizeModel;
  readonly #modules: ModuleFiles;
  readonly #wanted = new Map<string, Index>();
  /** Attributes whose own `unique` has to go. */
  readonly replaced: readonly SequelizeAttribute[];

  constructor(model: SequelizeModel, modules: ModuleFiles) {
    this.#model = model;
    this.#modules = modules;
    this.replaced = this.#uniques();
  }

  /** Has the indexes name the tenant, and gives what is to be added to the options. */
  write(): string[] {
    const given = propertyOf(this.#model.options, "indexes");
    const array = given && bare(given);
    const elements = array?.type === "ArrayExpression" ? array.elements : [];
    let uniques = 0;
    for (const element of elements) {
      const object = element && bare(element as Expression);
      if (object?.type !== "ObjectExpression") continue;
      if (this.#isUnique(object)) uniques += 1;
      this.#declared(object);
    }
    const codes = [...this.#wanted.values()].flatMap((index) => this.#code(index) ?? []);
    if (codes.length > 0 && codes.length + uniques > 1) {
      this.#note(
        "bulkCreate({ updateOnDuplicate }) takes all unique indexes of a model together: have it say conflictAttributes.",
      );
    }
    if (array === undefined) return codes.length === 0 ? [] : [`indexes: [${codes.join(", ")}]`];
    if (array.type !== "ArrayExpression") {
      this.#note(
        `The model's indexes are not written out in a list. Have them name the tenant by hand${codes.length === 0 ? "" : `, and add: ${codes.join(", ")}`}.`,
      );
    } else if (codes.length > 0) {
      const last = array.elements.findLast((one) => one !== null);
      addToList(this.#model.file, placeOf(array), last && placeOf(last), codes);
    }
    return [];
  }

  #uniques(): SequelizeAttribute[] {
    const groups = new Map<string, SequelizeAttribute[]>();
    for (const attribute of this.#model.attributes) {
      const unique = propertyOf(attribute.value, "unique");
      if (unique === undefined || this.#source(unique) === "false") continue;
      const name = stringOf(unique) ?? stringOf(propertyOf(bare(unique), "name"));
      const group = name ?? `\0${attribute.key}`;
      groups.set(group, [...(groups.get(group) ?? []), attribute]);
      if (propertyOf(bare(unique), "msg") !== undefined) {
        this.#note(
          `The message of unique on ${attribute.key} has no place in a key of several columns.`,
        );
      }
    }
    return [...groups].flatMap(([name, attributes]) => {
      const columns = attributes.map(({ column }) => column);
      const index = indexFor({ name, columns, isUnique: true }, this.#model.adopted);
      if (index === undefined) {
        this.#note(`The database has no unique key of ${columns.join(", ")}.`);
        return [];
      }
      if (!this.#namesTenant(index)) return [];
      this.#wanted.set(index.name, index);
      return attributes;
    });
  }

  #declared(object: Syntax<"ObjectExpression">): void {
    const { adopted, file } = this.#model;
    const { table, tenant } = adopted;
    const fields = propertyOf(object, "fields");
    const list = fields && bare(fields);
    const elements = list?.type === "ArrayExpression" ? (list.elements as Expression[]) : [];
    const written = elements.map(fieldOf);
    const columns = written.map((name) => name && (columnOfKey(name, table)?.name ?? name));
    const given = stringOf(propertyOf(object, "name"));
    // As Sequelize names an index that was given no name.
    const usual = written.includes(undefined)
      ? undefined
      : snakeCase(`${table.name}_${written.join("_")}`);
    const name = given ?? usual;
    const index = indexFor(
      {
        name: name ?? "",
        columns: columns.map((column) => column ?? ""),
        isUnique: this.#isUnique(object),
      },
      adopted,
    );
    if (index === undefined) {
      this.#note(`The database has no index ${name ?? "of that kind"}.`, object);
      return;
    }
    this.#wanted.delete(index.name);
    if (!this.#namesTenant(index) || columns.includes(tenant.name)) return;
    if (index.keys[0]?.column !== tenant.name || index.keys.length !== elements.length + 1) {
      this.#note(`The index ${index.name} became: ${index.definition}`, object);
      return;
    }
    const { edits, quote } = file;
    edits.insert(placeOf(elements[0]!).start, `${quote(tenant.name)}, `);
    if (given === undefined) {
      edits.insert(placeOf(object.properties[0]!).start, `name: ${quote(index.name)}, `);
    }
  }

  #code(index: Index): string | undefined {
    const columns = columnsOf(index);
    if (columns === undefined || !isPlain(index) || index.nullsNotDistinct) {
      this.#note(`The database has an index that is not declared here: ${index.definition}`);
      return undefined;
    }
    const { quote } = this.#model.file;
    return `{ name: ${quote(index.name)}, unique: true, fields: [${columns.map(quote).join(", ")}] }`;
  }

  #isUnique(object: Syntax<"ObjectExpression">): boolean {
    const unique = propertyOf(object, "unique");
    return (
      (unique !== undefined && this.#source(unique) === "true") ||
      stringOf(propertyOf(object, "type"))?.toUpperCase() === "UNIQUE"
    );
  }

  #namesTenant(index: Index): boolean {
    return index.keys.some(({ column }) => column === this.#model.adopted.tenant.name);
  }

  #source(node: Parameters<typeof placeOf>[0]): string {
    return this.#model.file.text.slice(placeOf(node).start, placeOf(node).end);
  }

  #note(text: string, node: Parameters<typeof placeOf>[0] = this.#model.call): void {
    this.#modules.note(this.#model.file, node, this.#model.names[0]!, text);
  }
}

function fieldOf(element: Expression | null): string | undefined {
  if (element === null) return undefined;
  const node = bare(element);
  return stringOf(node) ?? stringOf(propertyOf(node, "name") ?? propertyOf(node, "attribute"));
}
