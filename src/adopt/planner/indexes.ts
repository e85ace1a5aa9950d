import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { Index, ObjectName, Table } from "../schema.js";
import { label, type Adoptee, type Draft } from "./draft.js";
import { mayCompare } from "./exclusions.js";
import { createIndexSql, plainKeys, type IndexDraft } from "./index-sql.js";

/** Builds, beside the running application, every index that the wall will need. */
export function planIndexes(draft: Draft): void {
  for (const adoptee of draft.adoptees.values()) {
    const { table, column } = adoptee;
    let leads = false;
    for (const index of table.indexes) {
      const isTemporal = index.constraint?.withoutOverlaps === true;
      if (index.parent !== null || (index.isExclusion && !isTemporal)) continue;
      if (!index.isValid && table.kind !== "partitioned") {
        refuseInvalid(draft, table, index);
        continue;
      }
      if (index.keys[0]?.column === column) leads = true;
      findLimit(draft, table, column, index);
      if (!(index.isUnique || isTemporal) || index.keys.some((key) => key.column === column))
        continue;
      leads ||= index.predicate === null && !isTemporal;
      if (index.isPrimary && adoptee.keepsKey && !isTemporal) addKey(draft, adoptee, index);
      else replace(draft, adoptee, index);
    }
    if (!leads && table.partitionOf === null) addLead(draft, adoptee);
  }
}

const MOST_INDEX_COLUMNS = 32;

function findLimit(draft: Draft, table: Table, column: string, index: Index): void {
  const isWidened = index.isUnique && !index.keys.some((key) => key.column === column);
  if (!isWidened || index.keys.length + index.include.length < MOST_INDEX_COLUMNS) return;
  draft.obstacle({
    code: "index-limit",
    object: label({ schema: table.schema, name: index.name }),
    why: `It has ${MOST_INDEX_COLUMNS} columns, the most that PostgreSQL takes, and the tenant would be one more.`,
    remedy: "Make it unique over fewer columns.",
    acknowledgeable: false,
  });
}

function refuseInvalid(draft: Draft, table: Table, index: Index): void {
  draft.obstacle({
    code: "invalid-index",
    object: label({ schema: table.schema, name: index.name }),
    why: "The index is invalid, as an interrupted CREATE INDEX CONCURRENTLY leaves it, so it guards nothing.",
    remedy: `Drop it, or run reindex index concurrently ${qualified({ schema: table.schema, name: index.name })}.`,
    acknowledgeable: false,
  });
}

// Behind foreign keys that name the tenant; the primary key stays, for upserts on it.
function addKey(draft: Draft, adoptee: Adoptee, index: Index): void {
  const { table, sql, column } = adoptee;
  const columns = index.keys.map((key) => key.column as string);
  if (table.indexes.some((other) => isKeyOver(other, [column, ...columns]))) return;
  const wanted = [table.name, column, ...columns, "key"].join("_");
  const name = draft.names.relation(table.schema, wanted);
  const title = `Index ${label(table)} by its tenant and key`;
  const parts = { name, column, like: plainKeys(columns), unique: true };
  build(draft, adoptee, `${label(table)}/key`, title, parts);
  // A partitioned table's constraint takes over no index.
  if (table.kind === "partitioned") return;
  const own = quoteIdentifier(name);
  draft.step({
    id: `${label(table)}/key/constraint`,
    phase: "expand",
    title: `${title}, as a constraint`,
    sql: [`alter table ${sql} add constraint ${own} unique using index ${own}`],
    locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
    down: [`alter table ${sql} drop constraint if exists ${own}`],
  });
}

function isKeyOver(index: Index, columns: readonly string[]): boolean {
  return (
    index.isUnique &&
    index.isValid &&
    index.predicate === null &&
    index.constraint?.deferrable !== true &&
    index.keys.length === columns.length &&
    index.keys.every((key, at) => key.column === columns[at])
  );
}

function addLead(draft: Draft, adoptee: Adoptee): void {
  const { table, column } = adoptee;
  const name = draft.names.relation(table.schema, `${table.name}_${column}_idx`);
  build(draft, adoptee, `${label(table)}/lead`, `Index ${label(table)} by its tenant`, {
    name,
    column,
    like: plainKeys([]),
    unique: false,
  });
}

function replace(draft: Draft, adoptee: Adoptee, former: Index): void {
  const { table, column } = adoptee;
  const name = draft.names.relation(table.schema, `partywall_${former.name}`);
  const columns = former.keys.map(({ definition }) => definition).join(", ");
  draft.notice(
    "unique-key",
    label({ schema: table.schema, name: former.name }),
    `It becomes unique within a tenant: an ON CONFLICT (${columns}) on ${label(table)} must then name ${column} as well.`,
  );
  const isTemporal = former.constraint?.withoutOverlaps === true;
  if (isTemporal && !mayCompare(draft, adoptee, former)) return;
  // An index by itself checks each row at once, which the application's statements are not made for.
  if (isTemporal || former.constraint?.deferrable === true) {
    draft.replacements.push({
      adoptee,
      former,
      how: "rebuild",
      name: former.name,
      parts: new Map(),
    });
    return;
  }
  const title = `Build ${former.name} of ${label(table)} anew with its tenant`;
  const parts = { name, column, like: former, unique: true };
  const isAdopting = table.kind === "partitioned" && former.constraint !== null;
  const id = `${label(table)}/index/${former.name}`;
  const made = isAdopting
    ? buildLeaves(draft, adoptee, former.name, title, parts)
    : build(draft, adoptee, id, title, parts);
  draft.replacements.push({
    adoptee,
    former,
    how: isAdopting ? "adopt" : "take-over",
    name,
    parts: made,
  });
}

type Parts = Pick<IndexDraft, "name" | "column" | "like" | "unique">;

/** The names of the partitions' indexes, by partition. */
type Made = ReadonlyMap<string, string>;

function build(draft: Draft, { table }: Adoptee, id: string, title: string, parts: Parts): Made {
  const made = new Map<string, string>();
  if (table.kind === "partitioned") buildPartitioned(draft, table, id, title, parts, made);
  else buildOne(draft, table, id, title, parts);
  return made;
}

function buildOne(
  draft: Draft,
  on: Table,
  id: string,
  title: string,
  parts: Parts,
  down?: readonly string[],
): void {
  const own = { schema: on.schema, name: parts.name };
  const drop = [`drop index concurrently if exists ${qualified(own)}`];
  draft.step({
    id,
    phase: "expand",
    title,
    sql: [createIndexSql({ ...parts, on, concurrently: true })],
    transaction: false,
    locks: [{ table: qualified(on), mode: "SHARE UPDATE EXCLUSIVE" }],
    // Read twice, and waited for in between.
    bytes: 2 * on.bytes,
    done: isValidSql(own),
    repair: drop,
    down: down ?? drop,
  });
}

function isValidSql(index: ObjectName): string {
  return `select exists (select from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass(${quoteLiteral(qualified(index))}) and indisvalid) as done`;
}

// Partition by partition, then attached to one on the parent, which is valid once all are.
function buildPartitioned(
  draft: Draft,
  table: Table,
  id: string,
  title: string,
  parts: Parts,
  made: Map<string, string>,
  isRoot = true,
): void {
  const own = qualified({ schema: table.schema, name: parts.name });
  const names = draft.partitionsOf(table).map((partition) => ({
    partition,
    name: draft.names.relation(partition.schema, `${partition.name}_${parts.name}`),
  }));
  const down: string[] = [];
  draft.step({
    id,
    phase: "expand",
    title: `${title}: the partitioned table`,
    sql: [createIndexSql({ ...parts, on: table, concurrently: false, only: true })],
    locks: [{ table: qualified(table), mode: "SHARE" }],
    down,
  });
  for (const { partition, name } of names) {
    made.set(label(partition), name);
    const below = `${id}/${label(partition)}`;
    const what = `${title}: partition ${label(partition)}`;
    if (partition.kind === "partitioned") {
      buildPartitioned(draft, partition, below, title, { ...parts, name }, made, false);
    } else {
      buildOne(draft, partition, below, what, { ...parts, name }, []);
    }
    draft.step({
      id: `${below}/attach`,
      phase: "expand",
      title: `${what}, attached`,
      sql: [`alter index ${own} attach partition ${qualified({ schema: partition.schema, name })}`],
      locks: [{ table: qualified(partition), mode: "ACCESS SHARE" }],
      down: [],
    });
  }
  if (!isRoot) return;
  // Those that are attached go with the first, and cannot go before it; the others go by themselves.
  down.push(`drop index if exists ${own}`);
  for (const partition of draft.schema.tables) {
    const name = made.get(label(partition));
    if (name === undefined) continue;
    down.push(`drop index if exists ${qualified({ schema: partition.schema, name })}`);
  }
}

function buildLeaves(
  draft: Draft,
  { table }: Adoptee,
  former: string,
  title: string,
  parts: Parts,
): Made {
  const leaves = new Map<string, string>();
  for (const leaf of draft.leavesOf(table)) {
    const name = draft.names.relation(leaf.schema, `partywall_${leaf.name}_${former}`);
    leaves.set(label(leaf), name);
    const id = `${label(table)}/index/${former}/${label(leaf)}`;
    buildOne(draft, leaf, id, `${title}: partition ${label(leaf)}`, { ...parts, name });
  }
  return leaves;
}
