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
export type EntityOrm = "typeorm" | "mikro-orm";

/**
 * What to add by hand to the entities of an adopted database's tables, a note for each table.
 *
 * @example
 * ```ts
 * import { entityNotes } from "partywall/adopt";
 *
 * console.log(entityNotes("typeorm", { schema: { tables: [], views: [] }, tables: [] })); // []
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
  typeorm: (adopted) => {
    const { tenant } = adopted;
    return [
      `Add: @Column({ name: ${text(tenant.name)}, type: ${text(tenant.type)}, insert: false, update: false, default: () => ${text(tenant.default ?? "")} }) readonly ${camelCase(tenant.name)}!: string;`,
      ...onKey(adopted, (columns) => `Mark as @PrimaryColumn(): ${columns}.`),
      ...uniqueIndexes(adopted).map(
        ([name, columns, isConstraint]) =>
          `${isConstraint ? "@Unique" : "@Index"}(${text(name)}, [${properties(columns)}]${isConstraint ? "" : ", { unique: true }"}) on the class, instead of unique: true on a column.`,
      ),
      ...foreignKeys(adopted).map(
        ({ name, columns, referencedColumns }) =>
          `Of ${name}: @JoinColumn([${columns.map((column, at) => `{ name: ${text(column)}, referencedColumnName: ${text(camelCase(referencedColumns[at]!))}, foreignKeyConstraintName: ${text(name)} }`).join(", ")}]).`,
      ),
      ...listedColumns(adopted),
    ];
  },
  "mikro-orm": (adopted) => {
    const { tenant } = adopted;
    return [
      `Add: @Property({ fieldName: ${text(tenant.name)}, columnType: ${text(tenant.type)}, defaultRaw: ${text(tenant.default ?? "")} }) readonly ${camelCase(tenant.name)}!: string & Opt;`,
      ...onKey(adopted, (columns) => `Mark as @PrimaryKey(): ${columns}.`),
      ...uniqueIndexes(adopted).map(
        ([name, columns]) =>
          `@Unique({ name: ${text(name)}, properties: [${properties(columns)}] }) on the class, instead of unique on a property.`,
      ),
      ...foreignKeys(adopted).map(
        ({ name, columns, referencedColumns }) =>
          `Of ${name}: joinColumns: [${columns.map(text).join(", ")}], referencedColumnNames: [${referencedColumns.map(text).join(", ")}].`,
      ),
      ...listedColumns(adopted),
    ];
  },
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

// No ORM can say which columns are emptied, so what it would make of the entity alone refuses the delete.
function listedColumns(adopted: TenantTable): string[] {
  return foreignKeys(adopted).flatMap(({ name, onDelete, onDeleteColumns }) =>
    onDeleteColumns.length === 0
      ? []
      : [
          `ON DELETE ${onDelete.toUpperCase()} of ${name} touches ${onDeleteColumns.join(", ")} alone, which only the migration can say.`,
        ],
  );
}

const text = (value: Column["name"]) => JSON.stringify(value);
const properties = (columns: readonly string[]) =>
  columns.map((column) => text(camelCase(column))).join(", ");
