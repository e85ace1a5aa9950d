import { refused } from "../refusal.js";
import { titleOf, type ForeignKey, type PremisesTable } from "./tables.js";

/** A foreign key that points at a row which is not there yet when its own row is written. */
export interface LateKey {
  readonly key: ForeignKey;
  /** Columns that are null at first, and set once every row is there. */
  readonly columns: readonly string[];
}

/** What filling tables in an order asks for. */
export interface LateKeys {
  /** By oid of the table, the keys that are set afterwards. */
  readonly late: ReadonlyMap<string, readonly LateKey[]>;
  /** Whether deferrable keys must wait until every row is there. */
  readonly deferred: boolean;
}

interface Edge {
  readonly from: PremisesTable;
  readonly key: ForeignKey;
  readonly nullable: readonly string[];
}

/**
 * Puts what is pointed at before what points at it. A cycle of foreign keys, or a table that points at itself, is broken
 * at a deferrable key, else at one with columns that may be null.
 */
export function fillOrder(tables: readonly PremisesTable[]): readonly PremisesTable[] {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const edges = tables.flatMap((from) =>
    from.foreignKeys
      .filter(({ target }) => byOid.has(target))
      .map((key): Edge => ({ from, key, nullable: nullableOf(from, key) })),
  );
  const pending = new Set(tables);
  const holding = new Set(edges);
  const sorted: PremisesTable[] = [];
  while (pending.size > 0) {
    const held = new Set([...holding].map(({ from }) => from));
    const free = [...pending].filter((table) => !held.has(table));
    if (free.length === 0) holding.delete(weakest([...holding], byOid));
    for (const table of free) {
      sorted.push(table);
      pending.delete(table);
    }
    for (const edge of holding) {
      if (!pending.has(byOid.get(edge.key.target)!)) holding.delete(edge);
    }
  }
  return sorted;
}

/**
 * What filling tables in this order asks for. Throws `PW_TENANT_DATA_REFUSED` where a key points at a row that comes
 * later and can neither wait nor be null at first.
 */
export function lateKeys(tables: readonly PremisesTable[]): LateKeys {
  const late = new Map<string, LateKey[]>();
  let deferred = false;
  for (const [index, table] of tables.entries()) {
    for (const key of table.foreignKeys) {
      if (tables.findIndex(({ oid }) => oid === key.target) < index) continue;
      if (key.deferrable) {
        deferred = true;
        continue;
      }
      const columns = nullableOf(table, key);
      if (columns.length === 0 || keyOf(table) === undefined) {
        throw refused(
          `The foreign key ${key.name} of ${titleOf(table)} points at rows that come later, in a cycle of keys: it is not deferrable, and has no column that may be null in a table with a primary key. Make it DEFERRABLE.`,
        );
      }
      late.set(table.oid, [...(late.get(table.oid) ?? []), { key, columns }]);
    }
  }
  return { late, deferred };
}

/**
 * Groups of tables in the order in which they are emptied: what points comes before what is pointed at, and tables in a
 * cycle are one group.
 */
export function emptyOrder(
  tables: readonly PremisesTable[],
): readonly (readonly PremisesTable[])[] {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const edges = tables.flatMap((from) =>
    from.foreignKeys
      .filter(({ target }) => byOid.has(target))
      .map((key): Edge => ({ from, key, nullable: [] })),
  );
  const reach = new Map(tables.map((table) => [table, reachable(table, edges, byOid)]));
  const groups: PremisesTable[][] = [];
  for (const table of tables) {
    const group = groups.find(
      ([first]) => reach.get(first!)!.has(table) && reach.get(table)!.has(first!),
    );
    if (group) group.push(table);
    else groups.push([table]);
  }
  const sorted: PremisesTable[][] = [];
  const place = (group: PremisesTable[]) => {
    if (sorted.includes(group)) return;
    // Whatever points here is emptied first.
    for (const other of groups) {
      if (other !== group && reach.get(other[0]!)!.has(group[0]!)) place(other);
    }
    sorted.push(group);
  };
  for (const group of groups) place(group);
  return sorted;
}

/** Whether a group is a cycle: several tables, or one that points at itself. */
export const isCycle = (group: readonly PremisesTable[]): boolean =>
  group.length > 1 || group[0]!.foreignKeys.some(({ target }) => target === group[0]!.oid);

function nullableOf(table: PremisesTable, { columns, matchFull }: ForeignKey): readonly string[] {
  const nullable = columns.filter((name) =>
    table.columns.some(
      (column) =>
        column.name === name && !column.notNull && !column.generated && name !== table.tenantColumn,
    ),
  );
  // Under MATCH FULL all are null or none is.
  return matchFull && nullable.length < columns.length ? [] : nullable;
}

/** Of the keys that hold tables up, the one that is best broken. */
function weakest(edges: readonly Edge[], byOid: ReadonlyMap<string, PremisesTable>): Edge {
  // A key that merely waits for a cycle is in none.
  const inCycle = edges.filter(({ from, key }) => {
    const target = byOid.get(key.target)!;
    return target === from || reachable(target, edges, byOid).has(from);
  });
  return (
    inCycle.find(({ key }) => key.deferrable) ??
    inCycle.find(({ from, nullable }) => nullable.length > 0 && keyOf(from) !== undefined) ??
    inCycle[0]!
  );
}

function reachable(
  from: PremisesTable,
  edges: readonly Edge[],
  byOid: ReadonlyMap<string, PremisesTable>,
): ReadonlySet<PremisesTable> {
  const seen = new Set<PremisesTable>();
  const next = [from];
  for (let table = next.pop(); table !== undefined; table = next.pop()) {
    for (const edge of edges) {
      const target = byOid.get(edge.key.target)!;
      if (edge.from !== table || seen.has(target)) continue;
      seen.add(target);
      next.push(target);
    }
  }
  return seen;
}

/** The columns that tell the tenant's rows of a table apart. */
export function keyOf({ key, tenantColumn }: PremisesTable): readonly string[] | undefined {
  const own = key?.filter((name) => name !== tenantColumn);
  return own && own.length > 0 ? own : undefined;
}
