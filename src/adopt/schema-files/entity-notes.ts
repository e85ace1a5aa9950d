import type { Column, ForeignKey, Index } from "../schema.js";
import {
  columnsOf,
  label,
  primaryKeyOf,
  TenantTables,
  type AdoptedDatabase,
  type TenantTable,
} from "./adopted.js";
import { camelCase } from "./names.js";
import type { SchemaNote } from "./text-edits.js";

/** ORMs whose schema is written in entities and types that are not edited, but of which it is said what to add. */
export type EntityOrm = "sequelize" | "kysely" | "lucid" | "knex";

/**
 * What to add by hand to the entities or types of an adopted database's tables, a note for each table. Objection's
 * models and Lucid's generated schema classes need nothing but a column.
 *
 * @example
 * ```ts
 * import { entityNotes } from "partywall/adopt";
 *
 * console.log(entityNotes("sequelize", { schema: { tables: [], views: [] }, tables: [] })); // []
 * ```
 */
export function entityNotes(orm: EntityOrm, database: AdoptedDatabase): readonly SchemaNote[] {
  return [...new TenantTables(database)].map((adopted) => ({
    object: label(adopted.table),
    text: WRITERS[orm](adopted).join("\n"),
  }));
}

type Writer = (adopted: TenantTable) => string[];

const WRITERS: Record<EntityOrm, Writer> = {
  sequelize: (adopted) => {
    const { tenant } = adopted;
    const type = tenant.type === "bigint" ? "BIGINT" : tenant.type === "uuid" ? "UUID" : "TEXT";
    return [
      `Add: ${camelCase(tenant.name)}: { type: DataTypes.${type}, allowNull: false, field: ${text(tenant.name)}, defaultValue: Sequelize.literal(${text(tenant.default ?? "")}) }.`,
      ...onKey(adopted, (columns) => `Set primaryKey: true on ${columns}.`),
      ...uniqueIndexes(adopted).map(
        ([name, columns]) =>
          `indexes: [{ name: ${text(name)}, unique: true, fields: [${columns.map(text).join(", ")}] }], instead of unique on an attribute.`,
      ),
      ...foreignKeys(adopted).map(
        ({ name }) =>
          `${name} is now of several columns, which an association cannot declare: set constraints: false on it. The database keeps the key.`,
      ),
    ];
  },
  kysely: ({ table, tenant }) => [
    `Add to the table's interface (or run kysely-codegen): ${/^\w+$/.test(tenant.name) ? tenant.name : text(tenant.name)}: Generated<string>; of ${label(table)}.`,
  ],
  lucid: ({ tenant }) => [
    `Run node ace schema:generate, or add: @column() declare readonly ${camelCase(tenant.name)}: string. Leave it out of what is written; the database stamps it.`,
  ],
  knex: ({ tenant }) => [
    `Nothing has to change. Rows have a further column ${tenant.name}; leave it out of what is written.`,
  ],
};

function onKey({ table, tenant }: TenantTable, say: (columns: string) => string): string[] {
  const index = primaryKeyOf(table);
  const columns = index && columnsOf(index);
  return columns?.includes(tenant.name) === true ? [say(columns.map(camelCase).join(", "))] : [];
}

function uniqueIndexes({ table, tenant }: TenantTable): [string, readonly string[], boolean][] {
  return table.indexes.flatMap((index: Index): [string, readonly string[], boolean][] => {
    const columns = columnsOf(index);
    if (columns === undefined || !index.isUnique || index.isPrimary || index.predicate !== null)
      return [];
    return columns.includes(tenant.name) ? [[index.name, columns, index.constraint !== null]] : [];
  });
}

const foreignKeys = ({ table, tenant }: TenantTable): ForeignKey[] =>
  table.foreignKeys.filter(({ columns }) => columns.length > 1 && columns.includes(tenant.name));

const text = (value: Column["name"]) => JSON.stringify(value);
