import type { Column, Index } from "../schema.js";
import type { DecoratedClass } from "./decorated-class.js";
import { addToList } from "./drizzle-extra.js";
import { endOfLine, insertDecorators, removeDecorator } from "./class-edits.js";
import type { MikroDefinition, MikroEntity } from "./mikro-orm-model.js";
import { decoratorModule } from "./mikro-orm-modules.js";
import { placeOf, propertyOf, type Place } from "./syntax.js";
import { indentAt, lineEnd } from "./text-edits.js";

/** A key or index that an entity is to declare; its properties, or nothing where it is an expression's. */
export interface NewMikroKey {
  readonly index: Index;
  readonly properties: readonly string[] | undefined;
  /** Further options, as they were written on a property. */
  readonly options: readonly string[];
}

/** How what an entity declares is written: by decorators, or in an object of options. */
export interface MikroForm {
  addColumn(property: string, column: Column): void;
  addKey(key: NewMikroKey): void;
  removeDecorator(place: Place): void;
  /** Writes what was added. */
  write(): void;
}

export function mikroFormOf(entity: MikroEntity): MikroForm {
  return "body" in entity.form
    ? new ClassForm(entity, entity.form)
    : new DefinitionForm(entity, entity.form);
}

function keyOptions(
  { quote }: MikroEntity["file"],
  { index, properties, options }: NewMikroKey,
): string {
  const parts = [
    `name: ${quote(index.name)}`,
    properties
      ? `properties: [${properties.map(quote).join(", ")}]`
      : `expression: ${quote(index.definition)}`,
    ...options,
  ];
  return `{ ${parts.join(", ")} }`;
}

function columnOptions(
  { quote }: MikroEntity["file"],
  { type, name, default: value }: Column,
): string[] {
  return [
    ...(type === "uuid" || type === "text"
      ? [`type: ${quote(type)}`]
      : [`type: ${quote("string")}`, `columnType: ${quote(type)}`]),
    `fieldName: ${quote(name)}`,
    ...(value === null ? [] : [`defaultRaw: ${quote(value)}`]),
  ];
}

class ClassForm implements MikroForm {
  readonly #entity: MikroEntity;
  readonly #class: DecoratedClass;
  readonly #decorators: string[] = [];

  constructor(entity: MikroEntity, form: DecoratedClass) {
    this.#entity = entity;
    this.#class = form;
  }

  addColumn(property: string, column: Column): void {
    const { edits, path, text } = this.#entity.file;
    const options = columnOptions(this.#entity.file, column).join(", ");
    const last = this.#class.members.findLast(({ decorators }) => decorators.length > 0);
    const end = lineEnd(text);
    const indent = last
      ? indentAt(text, last.place.start)
      : `${indentAt(text, this.#class.place.start)}  `;
    const isTyped = !/\.[cm]?jsx?$/.test(path);
    const code = [
      `@${this.#of("Property")}({ ${options} })`,
      isTyped ? `readonly ${property}!: ${this.#opt()};` : `${property};`,
    ];
    const lines = code.map((line) => end + indent + line).join("");
    if (last) edits.insert(endOfLine(text, last.place.end), end + lines);
    else edits.insert(this.#class.body.start + 1, lines);
  }

  addKey(key: NewMikroKey): void {
    const name = key.properties && key.index.isUnique ? "Unique" : "Index";
    this.#decorators.push(`@${this.#of(name)}(${keyOptions(this.#entity.file, key)})`);
  }

  removeDecorator(place: Place): void {
    removeDecorator(this.#entity.file, place);
  }

  write(): void {
    insertDecorators(this.#entity.file, this.#class, this.#decorators);
  }

  // A property that may be left out where an entity is made: the database has its value.
  #opt(): string {
    const local = this.#entity.imports.typeName("@mikro-orm/core", "Opt");
    return local === undefined
      ? `string & import(${this.#entity.file.quote("@mikro-orm/core")}).Opt`
      : `string & ${local}`;
  }

  #of(name: string): string {
    return this.#entity.imports.of(decoratorModule(this.#entity.file), name);
  }
}

class DefinitionForm implements MikroForm {
  readonly #entity: MikroEntity;
  readonly #form: MikroDefinition;
  readonly #lists = new Map<"uniques" | "indexes", string[]>();

  constructor(entity: MikroEntity, form: MikroDefinition) {
    this.#entity = entity;
    this.#form = form;
  }

  addColumn(property: string, column: Column): void {
    const { file } = this.#entity;
    const { quote } = file;
    const { properties, builder } = this.#form;
    if (properties === undefined) return;
    const code =
      builder === undefined
        ? `{ ${columnOptions(file, column).join(", ")} }`
        : [
            `${builder}.${column.type === "uuid" || column.type === "text" ? column.type : "string"}()`,
            column.type === "uuid" || column.type === "text"
              ? ""
              : `.columnType(${quote(column.type)})`,
            `.fieldName(${quote(column.name)})`,
            column.default === null ? "" : `.defaultRaw(${quote(column.default)})`,
          ].join("");
    const last = properties.properties.at(-1);
    addToList(file, placeOf(properties), last && placeOf(last), [`${property}: ${code}`]);
  }

  addKey(key: NewMikroKey): void {
    const list = key.properties && key.index.isUnique ? "uniques" : "indexes";
    const known = this.#lists.get(list) ?? [];
    known.push(keyOptions(this.#entity.file, key));
    this.#lists.set(list, known);
  }

  removeDecorator(): void {
    throw new RangeError("A definition has no decorators.");
  }

  write(): void {
    const { file } = this.#entity;
    const { object } = this.#form;
    const news: string[] = [];
    for (const [key, items] of this.#lists) {
      const list = propertyOf(object, key);
      if (list?.type === "ArrayExpression") {
        const last = list.elements.findLast((one) => one !== null);
        addToList(file, placeOf(list), last ? placeOf(last) : undefined, items);
      } else news.push(`${key}: [${items.join(", ")}]`);
    }
    const last = object.properties.at(-1);
    if (news.length > 0) addToList(file, placeOf(object), last && placeOf(last), news);
  }
}
