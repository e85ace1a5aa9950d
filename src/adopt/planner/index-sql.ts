import { qualified, quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import type { Index, ObjectName } from "../schema.js";
import { columnList } from "./draft.js";

/** How an index with the tenant in front is made. */
export interface IndexDraft {
  readonly name: string;
  readonly on: ObjectName;
  /** The tenant's column, unquoted. */
  readonly column: string;
  readonly like: Pick<
    Index,
    "keys" | "include" | "nullsNotDistinct" | "storage" | "tablespace" | "predicate" | "method"
  >;
  readonly unique: boolean;
  readonly concurrently: boolean;
  /** Of a partitioned table: the parent's part alone, to which those of the partitions are attached. */
  readonly only?: boolean;
}

/** CREATE INDEX with the tenant as the first key and the rest as it was. */
export function createIndexSql(draft: IndexDraft): string {
  const { like, on } = draft;
  const keys = like.keys.map(
    ({ definition, options }) => `${definition}${options && ` ${options}`}`,
  );
  const clauses = [
    `create ${draft.unique ? "unique " : ""}index ${draft.concurrently ? "concurrently " : ""}${quoteIdentifier(draft.name)}`,
    `on ${draft.only ? "only " : ""}${qualified(on)} using ${like.method} (${[quoteIdentifier(draft.column), ...keys].join(", ")})`,
  ];
  const include = like.include.filter((column) => column !== draft.column);
  if (include.length > 0) clauses.push(`include (${columnList(include)})`);
  if (like.nullsNotDistinct) clauses.push("nulls not distinct");
  if (like.storage.length > 0) clauses.push(`with (${like.storage.join(", ")})`);
  if (like.tablespace !== null) clauses.push(`tablespace ${quoteIdentifier(like.tablespace)}`);
  if (like.predicate !== null) clauses.push(`where ${like.predicate}`);
  return clauses.join(" ");
}

/** A plain unique index over columns, for {@link createIndexSql}. */
export function plainKeys(columns: readonly string[]): IndexDraft["like"] {
  return {
    keys: columns.map((column) => ({ column, definition: quoteIdentifier(column), options: "" })),
    include: [],
    nullsNotDistinct: false,
    storage: [],
    tablespace: null,
    predicate: null,
    method: "btree",
  };
}
