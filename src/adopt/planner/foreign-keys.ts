import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { ForeignKey, Table } from "../schema.js";
import type { Phase } from "../step.js";
import { columnList, label, type Adoptee, type Draft } from "./draft.js";

/** A foreign key that names the tenant, beside the one whose place it takes. */
export interface Successor {
  readonly adoptee: Adoptee;
  readonly target: Adoptee;
  readonly former: ForeignKey;
  /** Its name until then. */
  readonly name: string;
  /** Whether the key it points at is there only when the wall goes up. */
  readonly isLate: boolean;
}

/** Adds, unchecked and then checked, a foreign key with the tenant beside each that has none. */
export function planForeignKeys(draft: Draft): Successor[] {
  const successors: Successor[] = [];
  for (const adoptee of draft.adoptees.values()) {
    for (const former of adoptee.table.foreignKeys) {
      const target = draft.adoptee(former.references);
      if (former.isInherited || target === undefined || namesTenant(former, adoptee, target))
        continue;
      const { schema, name } = adoptee.table;
      const successor = {
        adoptee,
        target,
        former,
        name: draft.names.constraint(schema, name, `partywall_${former.name}`),
        isLate: isLate(draft, target, former),
      };
      successors.push(successor);
      refuseUpdates(draft, successor);
      if (!successor.isLate) planAdd(draft, successor);
      if (former.match === "full") keepWhole(draft, successor);
    }
  }
  return successors;
}

function namesTenant(key: ForeignKey, from: Adoptee, to: Adoptee): boolean {
  const at = key.columns.indexOf(from.column);
  return at !== -1 && key.referencedColumns[at] === to.column;
}

function isLate(draft: Draft, target: Adoptee, { referencedColumns }: ForeignKey): boolean {
  return draft.replacements.some(
    ({ adoptee, former, how }) =>
      adoptee === target &&
      how !== "take-over" &&
      former.keys.length === referencedColumns.length &&
      former.keys.every(({ column }) => column !== null && referencedColumns.includes(column)),
  );
}

function refuseUpdates(draft: Draft, { adoptee: { table }, former }: Successor): void {
  if (former.onUpdate !== "set null" && former.onUpdate !== "set default") return;
  draft.obstacle({
    code: "on-update",
    object: `${label(table)}.${former.name}`,
    why: `ON UPDATE ${former.onUpdate.toUpperCase()} has no column list, so it would change the tenant of the referencing row as well.`,
    remedy: `Make it ON UPDATE CASCADE or NO ACTION first. Acknowledged, it becomes NO ACTION: a change of the referenced key is refused while rows point at it.`,
    acknowledgeable: true,
  });
}

// From PostgreSQL 18 on the last column may be a period.
function keyList({ hasPeriod }: ForeignKey, columns: readonly string[]): string {
  if (!hasPeriod) return columnList(columns);
  return `${columnList(columns.slice(0, -1))}, period ${columnList(columns.slice(-1))}`;
}

/** The new key's definition, whose actions leave the tenant alone. */
function definition({ adoptee, target, former }: Successor): string {
  const { columns } = former;
  const set = former.onDelete === "set null" || former.onDelete === "set default";
  const limited = former.onDeleteColumns.length > 0 ? former.onDeleteColumns : columns;
  const onUpdate = former.onUpdate.startsWith("set") ? "no action" : former.onUpdate;
  return [
    `foreign key (${keyList(former, [adoptee.column, ...columns])})`,
    `references ${target.sql} (${keyList(former, [target.column, ...former.referencedColumns])})`,
    `on delete ${former.onDelete}${set ? ` (${columnList(limited)})` : ""}`,
    `on update ${onUpdate}`,
    // Whoever defers the former key by its name does not know of this one yet.
    ...(former.deferrable ? ["deferrable initially deferred"] : []),
    ...(former.isEnforced ? [] : ["not enforced"]),
  ].join(" ");
}

/** The tables that hold the rows of a successor: the table, or the partitions beneath it. */
function holdersOf(draft: Draft, { adoptee: { table } }: Successor): readonly Table[] {
  return table.kind === "partitioned" ? draft.leavesOf(table) : [table];
}

const titleOf = ({ adoptee: { table }, former }: Successor) =>
  `Have ${former.name} of ${label(table)} name the tenant`;

const idOf = ({ adoptee: { table }, former }: Successor) =>
  `${label(table)}/foreign-key/${former.name}`;

/** Adds a successor, unchecked, to one table that holds its rows. */
function addSql(successor: Successor, holder: Table, name: string): string {
  const { former } = successor;
  const unchecked = former.isEnforced ? " not valid" : "";
  return `alter table ${qualified(holder)} add constraint ${quoteIdentifier(name)} ${definition(successor)}${unchecked}`;
}

/** Adds a successor to a partitioned table; PostgreSQL finds it on every partition and checks nothing again. */
function wholeSql(successor: Successor): string[] {
  const { adoptee, former } = successor;
  return [
    `alter table ${adoptee.sql} add constraint ${quoteIdentifier(former.name)} ${definition(successor)}`,
    ...immediateSql(successor),
  ];
}

function immediateSql({ adoptee: { sql }, former }: Successor): string[] {
  const { name, deferrable, deferred } = former;
  if (!deferrable || deferred) return [];
  return [
    `alter table ${sql} alter constraint ${quoteIdentifier(name)} deferrable initially immediate`,
  ];
}

function planAdd(draft: Draft, successor: Successor): void {
  const { adoptee, target, name } = successor;
  for (const holder of holdersOf(draft, successor)) {
    const sql = qualified(holder);
    const isPart = holder !== adoptee.table;
    draft.step({
      id: isPart ? `${idOf(successor)}/${label(holder)}` : idOf(successor),
      phase: "backfill",
      title: `${titleOf(successor)}: new rows${isPart ? ` in ${label(holder)}` : ""}`,
      sql: [addSql(successor, holder, name)],
      locks: [
        { table: sql, mode: "SHARE ROW EXCLUSIVE" },
        { table: target.sql, mode: "SHARE ROW EXCLUSIVE" },
      ],
      down: [`alter table ${sql} drop constraint if exists ${quoteIdentifier(name)}`],
    });
  }
  planValidate(draft, successor, name, "backfill");
}

function planValidate(draft: Draft, successor: Successor, name: string, phase: Phase): void {
  const { adoptee, target, former } = successor;
  if (!former.isValidated || !former.isEnforced) return;
  for (const holder of holdersOf(draft, successor)) {
    const isPart = holder !== adoptee.table;
    const id = isPart ? `${idOf(successor)}/${label(holder)}` : idOf(successor);
    draft.step({
      id: `${id}/validate`,
      phase,
      title: `${titleOf(successor)}: the rows that are there${isPart ? ` in ${label(holder)}` : ""}`,
      sql: [`alter table ${qualified(holder)} validate constraint ${quoteIdentifier(name)}`],
      bytes: holder.bytes,
      locks: [
        { table: qualified(holder), mode: "SHARE UPDATE EXCLUSIVE" },
        { table: target.sql, mode: "ROW SHARE" },
      ],
      ...(phase === "backfill" && { down: [] }),
    });
  }
}

/**
 * What belongs into the transaction in which a key comes into being that foreign keys point at, where it comes into
 * being only then: a partitioned table's, a deferrable or a temporal one.
 */
export function lateKeysSql(draft: Draft, successors: readonly Successor[], target: Adoptee) {
  const late = successors.filter((successor) => successor.isLate && successor.target === target);
  return {
    drop: late.map(
      ({ adoptee, former }) =>
        `alter table ${adoptee.sql} drop constraint ${quoteIdentifier(former.name)}`,
    ),
    add: late.flatMap((successor) => [
      ...holdersOf(draft, successor).map((holder) =>
        addSql(successor, holder, successor.former.name),
      ),
      ...(successor.adoptee.table.kind === "partitioned" ? [] : immediateSql(successor)),
    ]),
    locks: late.map(({ adoptee }) => ({ table: adoptee.sql, mode: "ACCESS EXCLUSIVE" as const })),
  };
}

/** Checks the keys of {@link lateKeysSql} and makes those of partitioned tables whole. */
export function planLateKeys(
  draft: Draft,
  successors: readonly Successor[],
  target: Adoptee,
): void {
  for (const successor of successors) {
    if (!successor.isLate || successor.target !== target) continue;
    const { adoptee, former } = successor;
    planValidate(draft, successor, former.name, "enforce");
    const sql = [
      ...(adoptee.table.kind === "partitioned" ? wholeSql(successor) : []),
      ...commentSql(successor),
    ];
    if (sql.length === 0) continue;
    draft.step({
      id: `${idOf(successor)}/swap`,
      phase: "enforce",
      title: `Let ${former.name} of ${label(adoptee.table)} name the tenant alone`,
      sql,
      locks: [
        { table: adoptee.sql, mode: "SHARE ROW EXCLUSIVE" },
        { table: target.sql, mode: "SHARE ROW EXCLUSIVE" },
      ],
    });
  }
}

// MATCH FULL would refuse a row whose reference is empty, since its tenant never is.
function keepWhole(draft: Draft, { adoptee: { table, sql }, former }: Successor): void {
  const optional = former.columns.some(
    (column) => table.columns.find(({ name }) => name === column)?.notNull === false,
  );
  if (former.columns.length < 2 || !optional) return;
  const wanted = `${former.name}_whole`;
  const check = quoteIdentifier(draft.names.constraint(table.schema, table.name, wanted));
  const id = `${label(table)}/foreign-key/${former.name}/whole`;
  const title = `Keep ${former.name} of ${label(table)} whole or empty`;
  draft.step({
    id,
    phase: "backfill",
    title: `${title}: new rows`,
    sql: [
      `alter table ${sql} add constraint ${check} check (pg_catalog.num_nulls(${columnList(former.columns)}) in (0, ${former.columns.length})) not valid`,
    ],
    locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
    down: [`alter table ${sql} drop constraint if exists ${check}`],
  });
  draft.step({
    id: `${id}/validate`,
    phase: "backfill",
    title: `${title}: the rows that are there`,
    sql: [`alter table ${sql} validate constraint ${check}`],
    locks: [{ table: sql, mode: "SHARE UPDATE EXCLUSIVE" }],
    bytes: draft.bytesOf(table),
    down: [],
  });
}

function commentSql({ adoptee, former }: Successor): string[] {
  if (former.comment === null) return [];
  const name = quoteIdentifier(former.name);
  return [`comment on constraint ${name} on ${adoptee.sql} is ${quoteLiteral(former.comment)}`];
}

/** Puts the new keys in the place of the former ones, under their names. */
export function swapForeignKeys(draft: Draft, successors: readonly Successor[]): void {
  for (const successor of successors) {
    const { adoptee, target, former, name, isLate: late } = successor;
    if (late) continue;
    const { table, sql } = adoptee;
    const [temporary, own] = [quoteIdentifier(name), quoteIdentifier(former.name)];
    draft.step({
      id: `${idOf(successor)}/swap`,
      phase: "enforce",
      title: `Let ${former.name} of ${label(table)} name the tenant alone`,
      sql: [
        `alter table ${sql} drop constraint ${own}`,
        ...holdersOf(draft, successor).map(
          (holder) => `alter table ${qualified(holder)} rename constraint ${temporary} to ${own}`,
        ),
        ...(table.kind === "partitioned" ? wholeSql(successor) : immediateSql(successor)),
        ...commentSql(successor),
      ],
      locks: [
        { table: sql, mode: "ACCESS EXCLUSIVE" },
        { table: target.sql, mode: "ACCESS EXCLUSIVE" },
      ],
    });
  }
}
