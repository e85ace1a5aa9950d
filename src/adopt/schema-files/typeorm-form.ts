import type { Column, ForeignKey, Index } from "../schema.js";
import type { DecoratedClass } from "./decorated-class.js";
import { endOfLine, insertDecorators, removeDecorator } from "./class-edits.js";
import { addToList } from "./drizzle-extra.js";
import { placeOf, propertyOf, type Place, type Syntax } from "./syntax.js";
import { indentAt, lineEnd } from "./text-edits.js";
import type { TypeormEntity, TypeormKey, TypeormRelation } from "./typeorm-model.js";

/** A key or index that an entity is to declare. */
export interface NewKey {
  readonly index: Index;
  readonly properties: readonly string[];
  /** Options as they were written on a property; empty where there were none. */
  readonly options: string;
}

/** A foreign key of several columns that an entity is to declare, in names of properties. */
export interface NewForeignKey {
  readonly key: ForeignKey;
  readonly target: string;
  readonly columns: readonly string[];
  readonly referencedColumns: readonly string[];
}

/** How what an entity declares is written: by decorators, or in the options of a schema. */
export interface TypeormForm {
  /** Whether a join table can be exempt from the diff. */
  readonly canExempt: boolean;
  addColumn(property: string, column: Column, isPrimary: boolean, value: string | undefined): void;
  addKey(key: NewKey): void;
  /** Has the diff leave an index as it is. */
  exemptIndex(name: string): void;
  nameKey(key: TypeormKey, name: string): void;
  addForeignKey(key: NewForeignKey): void;
  addJoinColumn(relation: TypeormRelation, name: string, referenced: string): void;
  removeDecorator(place: Place): void;
  /** Writes what was added. */
  write(): void;
}

export function formOf(entity: TypeormEntity): TypeormForm {
  return "body" in entity.form
    ? new ClassForm(entity, entity.form)
    : new SchemaForm(entity, entity.form);
}

function optionsFor(
  { quote }: TypeormEntity["file"],
  { name, onDelete, onUpdate, deferrable, deferred }: ForeignKey,
) {
  const parts = [`name: ${quote(name)}`];
  if (onDelete !== "no action") parts.push(`onDelete: ${quote(onDelete.toUpperCase())}`);
  if (onUpdate !== "no action") parts.push(`onUpdate: ${quote(onUpdate.toUpperCase())}`);
  if (deferrable)
    parts.push(`deferrable: ${quote(deferred ? "INITIALLY DEFERRED" : "INITIALLY IMMEDIATE")}`);
  return parts;
}

function typeOf({ type }: Column): { name: string; length: string | undefined } {
  const [, name = type, length] = /^(.*?)\((\d+)\)$/.exec(type) ?? [];
  return { name, length };
}

const typescriptType = ({ type }: Column) =>
  /^(?:integer|smallint)$/.test(type) ? "number" : "string";

class ClassForm implements TypeormForm {
  readonly canExempt = true;
  readonly #entity: TypeormEntity;
  readonly #class: DecoratedClass;
  readonly #decorators: string[] = [];

  constructor(entity: TypeormEntity, form: DecoratedClass) {
    this.#entity = entity;
    this.#class = form;
  }

  addColumn(property: string, column: Column, isPrimary: boolean, value: string | undefined): void {
    const { edits, path, quote, text } = this.#entity.file;
    const decorator = this.#of(isPrimary ? "PrimaryColumn" : "Column");
    const { name, length } = typeOf(column);
    // The form with the type in front takes no `update`.
    const options = [
      `type: ${quote(name)}`,
      ...(column.name === property ? [] : [`name: ${quote(column.name)}`]),
      ...(length === undefined ? [] : [`length: ${length}`]),
      "update: false",
      ...(value === undefined ? [] : [`default: ${value}`]),
    ];
    const last = this.#class.members.findLast(({ decorators }) => decorators.length > 0);
    const end = lineEnd(text);
    const indent = last
      ? indentAt(text, last.place.start)
      : `${indentAt(text, this.#class.place.start)}  `;
    const isTyped = !/\.[cm]?jsx?$/.test(path);
    const code = [
      `@${decorator}({ ${options.join(", ")} })`,
      isTyped ? `readonly ${property}!: ${typescriptType(column)};` : `${property};`,
    ];
    const lines = code.map((line) => end + indent + line).join("");
    if (last) edits.insert(endOfLine(text, last.place.end), end + lines);
    else edits.insert(this.#class.body.start + 1, lines);
  }

  addKey({ index, properties, options }: NewKey): void {
    const { quote } = this.#entity.file;
    const isConstraint = index.constraint !== null;
    const list = `[${properties.map(quote).join(", ")}]`;
    const given = options !== "" || isConstraint || !index.isUnique ? options : "{ unique: true }";
    this.#decorators.push(
      `@${this.#of(isConstraint ? "Unique" : "Index")}(${quote(index.name)}, ${list}${given === "" ? "" : `, ${given}`})`,
    );
  }

  exemptIndex(name: string): void {
    const { quote } = this.#entity.file;
    this.#decorators.push(`@${this.#of("Index")}(${quote(name)}, { synchronize: false })`);
  }

  nameKey({ list }: TypeormKey, name: string): void {
    const { edits, quote } = this.#entity.file;
    if (list) edits.insert(placeOf(list).start, `${quote(name)}, `);
  }

  addForeignKey({ key, target, columns, referencedColumns }: NewForeignKey): void {
    const { file } = this.#entity;
    const list = (names: readonly string[]) => `[${names.map(file.quote).join(", ")}]`;
    this.#decorators.push(
      `@${this.#of("ForeignKey")}(${target}, ${list(columns)}, ${list(referencedColumns)}, { ${optionsFor(file, key).join(", ")} })`,
    );
  }

  addJoinColumn({ place }: TypeormRelation, name: string, referenced: string): void {
    const { edits, quote, text } = this.#entity.file;
    edits.insert(
      place.end,
      `${lineEnd(text)}${indentAt(text, place.start)}@${this.#of("JoinColumn")}({ name: ${quote(name)}, referencedColumnName: ${quote(referenced)} })`,
    );
  }

  removeDecorator(place: Place): void {
    removeDecorator(this.#entity.file, place);
  }

  write(): void {
    insertDecorators(this.#entity.file, this.#class, this.#decorators);
  }

  #of(name: string): string {
    return this.#entity.imports.of("typeorm", name);
  }
}

class SchemaForm implements TypeormForm {
  readonly canExempt = false;
  readonly #entity: TypeormEntity;
  readonly #object: Syntax<"ObjectExpression">;
  readonly #lists = new Map<"uniques" | "indices" | "foreignKeys", string[]>();

  constructor(entity: TypeormEntity, object: Syntax<"ObjectExpression">) {
    this.#entity = entity;
    this.#object = object;
  }

  addColumn(property: string, column: Column, isPrimary: boolean, value: string | undefined): void {
    const { file } = this.#entity;
    const { quote } = file;
    const { name, length } = typeOf(column);
    const options = [
      `type: ${quote(name)}`,
      ...(column.name === property ? [] : [`name: ${quote(column.name)}`]),
      ...(length === undefined ? [] : [`length: ${length}`]),
      ...(isPrimary ? ["primary: true"] : []),
      "update: false",
      ...(value === undefined ? [] : [`default: ${value}`]),
    ];
    const columns = propertyOf(this.#object, "columns");
    if (columns?.type !== "ObjectExpression") return;
    const last = columns.properties.at(-1);
    addToList(file, placeOf(columns), last && placeOf(last), [
      `${property}: { ${options.join(", ")} }`,
    ]);
  }

  addKey({ index, properties }: NewKey): void {
    const { quote } = this.#entity.file;
    const isConstraint = index.constraint !== null;
    const parts = [
      `name: ${quote(index.name)}`,
      `columns: [${properties.map(quote).join(", ")}]`,
      ...(index.isUnique && !isConstraint ? ["unique: true"] : []),
    ];
    this.#add(isConstraint ? "uniques" : "indices", parts);
  }

  exemptIndex(name: string): void {
    this.#add("indices", [
      `name: ${this.#entity.file.quote(name)}`,
      "columns: []",
      "synchronize: false",
    ]);
  }

  nameKey({ options }: TypeormKey, name: string): void {
    const { edits, quote } = this.#entity.file;
    const [first] = options.object?.properties ?? [];
    if (first) edits.insert(placeOf(first).start, `name: ${quote(name)}, `);
  }

  addForeignKey({ key, target, columns, referencedColumns }: NewForeignKey): void {
    const { file } = this.#entity;
    const list = (names: readonly string[]) => `[${names.map(file.quote).join(", ")}]`;
    this.#add("foreignKeys", [
      `target: ${target}`,
      `columnNames: ${list(columns)}`,
      `referencedColumnNames: ${list(referencedColumns)}`,
      ...optionsFor(file, key),
    ]);
  }

  addJoinColumn({ options }: TypeormRelation, name: string, referenced: string): void {
    const { file } = this.#entity;
    const given = propertyOf(options.object, "joinColumn");
    const code = `{ name: ${file.quote(name)}, referencedColumnName: ${file.quote(referenced)} }`;
    if (given) file.edits.replace(placeOf(given).start, placeOf(given).end, code);
    else if (options.object) {
      const [first] = options.object.properties;
      if (first) file.edits.insert(placeOf(first).start, `joinColumn: ${code}, `);
    }
  }

  removeDecorator(): void {
    throw new RangeError("A schema has no decorators.");
  }

  write(): void {
    const { file } = this.#entity;
    const news: string[] = [];
    for (const [key, items] of this.#lists) {
      const list = propertyOf(this.#object, key);
      if (list?.type === "ArrayExpression") {
        const last = list.elements.findLast((one) => one !== null);
        addToList(file, placeOf(list), last ? placeOf(last) : undefined, items);
      } else news.push(`${key}: [${items.join(", ")}]`);
    }
    const last = this.#object.properties.at(-1);
    if (news.length > 0) addToList(file, placeOf(this.#object), last && placeOf(last), news);
  }

  #add(list: "uniques" | "indices" | "foreignKeys", parts: readonly string[]): void {
    const known = this.#lists.get(list) ?? [];
    known.push(`{ ${parts.join(", ")} }`);
    this.#lists.set(list, known);
  }
}
