import type { Column, Table } from "../schema.js";
import { TenantTables, type AdoptedDatabase, type TenantTable } from "./adopted.js";
import { camelCase } from "./names.js";

/** The column that a key of a model stands for: that of the same name, or of the name in snake case. */
export function columnOfKey(key: string, table: Table): Column | undefined {
  return (
    table.columns.find(({ name }) => name === key) ??
    table.columns.find(({ name }) => name === snakeCase(key))
  );
}

/** The tenant tables of a database by the keys of a type that lists tables: `orders`, `orderItems`, `"sales.orders"`. */
export class TablesByKey {
  readonly #database: AdoptedDatabase;
  readonly #tables: TenantTables;

  constructor(database: AdoptedDatabase) {
    this.#database = database;
    this.#tables = new TenantTables(database);
  }

  find(key: string): TenantTable | undefined {
    const parts = key.split(".");
    const name = parts.pop()!;
    const schema = parts.join(".") || "public";
    const isTable = (one: string) =>
      this.#database.schema.tables.some((table) => table.schema === schema && table.name === one);
    return this.#tables.find({ schema, name: isTable(name) ? name : snakeCase(name) });
  }

  [Symbol.iterator](): IterableIterator<TenantTable> {
    return this.#tables[Symbol.iterator]();
  }
}

/** `tenant_id` for `tenantId`. */
export const snakeCase = (key: string) =>
  key
    .replaceAll(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1_$2")
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1_$2")
    .toLowerCase();

/** How keys are written, as far as they show it. */
export function styleOf(keys: readonly string[]): "snake" | "camel" | undefined {
  if (keys.some((key) => /[\p{Ll}\p{N}]\p{Lu}/u.test(key))) return "camel";
  return keys.some((key) => /\p{L}_\p{L}/u.test(key)) ? "snake" : undefined;
}

/** A key for a further column, written as the others are; `camelCase` where they do not tell. */
export function newKey(column: string, keys: readonly string[]): string {
  const wanted =
    styleOf(keys) === "snake" ? column.replaceAll(/[^\p{L}\p{N}_$]/gu, "_") : camelCase(column);
  let key = wanted;
  for (let n = 2; keys.includes(key); n += 1) key = `${wanted}${n}`;
  return key;
}

/** The tables that a model named so may stand for, where its file names none: by its name, or that in the plural. */
export function tablesOfModel<T extends { readonly table: Table }>(
  model: string,
  tables: Iterable<T>,
): T[] {
  const plain = (name: string) => name.replaceAll(/[\s_-]/g, "").toLowerCase();
  const forms = [plain(model), ...plurals(plain(model))];
  return [...tables].filter(({ table }) => forms.includes(plain(table.name)));
}

const IRREGULAR: readonly (readonly [string, string])[] = [
  ["person", "people"],
  ["child", "children"],
  ["woman", "women"],
  ["man", "men"],
  ["datum", "data"],
  ["medium", "media"],
  ["criterion", "criteria"],
];

function plurals(name: string): string[] {
  const irregular = IRREGULAR.find(([one]) => name.endsWith(one));
  return [
    `${name}s`,
    ...(irregular ? [name.slice(0, -irregular[0].length) + irregular[1]] : []),
    ...(/(?:[sxz]|[cs]h|o)$/.test(name) ? [`${name}es`] : []),
    ...(/[^aeiou]y$/.test(name) ? [`${name.slice(0, -1)}ies`] : []),
    ...(/(?:sis|xis)$/.test(name) ? [`${name.slice(0, -2)}es`] : []),
    ...(/(?:ex|ix)$/.test(name) ? [`${name.slice(0, -2)}ices`] : []),
    ...(/[^f]fe?$/.test(name) ? [name.replace(/fe?$/, "ves")] : []),
  ];
}

/** Whether a key can stand in code as it is. */
export const isName = (key: string) => /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key);
