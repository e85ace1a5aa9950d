import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { ForeignKey } from "../schema.js";
import type { Phase, Step } from "../step.js";
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
      if (!successor.isLate) {
        const { add, validate, whole } = keySteps(draft, successor, successor.name, "backfill");
        draft.steps.push(...add, ...validate, ...whole);
      }
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
    ({ adoptee, former, isAdopting }) =>
      adoptee === target &&
      isAdopting &&
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

/** The new key's definition; `columns` apart from the tenant's are what the actions may touch. */
function definition({ adoptee, target, former }: Successor, columns: readonly string[]): string {
  const set = former.onDelete === "set null" || former.onDelete === "set default";
  const limited = former.onDeleteColumns.length > 0 ? former.onDeleteColumns : columns;
  const onUpdate = former.onUpdate.startsWith("set") ? "no action" : former.onUpdate;
  return [
    `foreign key (${columnList([adoptee.column, ...columns])})`,
    `references ${target.sql} (${columnList([target.column, ...former.referencedColumns])})`,
    `on delete ${former.onDelete}${set ? ` (${columnList(limited)})` : ""}`,
    `on update ${onUpdate}`,
    ...(former.deferrable ? ["deferrable"] : []),
    ...(former.deferred ? ["initially deferred"] : []),
    ...(former.isEnforced ? [] : ["not enforced"]),
  ].join(" ");
}

/** How a successor comes to be: unchecked on each table that holds rows, checked there, and whole. */
function keySteps(draft: Draft, successor: Successor, name: string, phase: Phase) {
  const { adoptee, target, former } = successor;
  const { table, sql } = adoptee;
  const what = definition(successor, former.columns);
  const title = `Have ${former.name} of ${label(table)} name the tenant`;
  const id = `${label(table)}/foreign-key/${former.name}`;
  const quoted = quoteIdentifier(name);
  const holders = table.kind === "partitioned" ? draft.leavesOf(table) : [table];
  const drop = (on: string) => `alter table ${on} drop constraint if exists ${quoted}`;
  const lock = (on: string) => ({ table: on, mode: "SHARE ROW EXCLUSIVE" as const });
  const add: Step[] = holders.map((holder) => ({
    id: holder === table ? id : `${id}/${label(holder)}`,
    phase,
    title: `${title}: new rows${holder === table ? "" : ` in ${label(holder)}`}`,
    sql: [
      `alter table ${qualified(holder)} add constraint ${quoted} ${what}${former.isEnforced ? " not valid" : ""}`,
    ],
    transaction: true,
    bytes: 0,
    locks: [lock(qualified(holder)), lock(target.sql)],
    ...(phase === "backfill" && { down: [drop(qualified(holder))] }),
  }));
  const validate: Step[] = (former.isValidated && former.isEnforced ? holders : []).map(
    (holder) => ({
      id: holder === table ? `${id}/validate` : `${id}/${label(holder)}/validate`,
      phase,
      title: `${title}: the rows that are there${holder === table ? "" : ` in ${label(holder)}`}`,
      sql: [`alter table ${qualified(holder)} validate constraint ${quoted}`],
      transaction: true,
      bytes: holder.bytes,
      locks: [
        { table: qualified(holder), mode: "SHARE UPDATE EXCLUSIVE" },
        { table: target.sql, mode: "ROW SHARE" },
      ],
      ...(phase === "backfill" && { down: [] }),
    }),
  );
  // A partitioned table takes no unchecked key, but one that all its partitions have it need not check again.
  const whole: Step[] =
    table.kind === "partitioned"
      ? [
          {
            id,
            phase,
            title: `${title}: the partitioned table`,
            sql: [`alter table ${sql} add constraint ${quoted} ${what}`],
            transaction: true,
            bytes: 0,
            locks: [lock(sql), lock(target.sql)],
            ...(phase === "backfill" && { down: [drop(sql)] }),
          },
        ]
      : [];
  return { add, validate, whole };
}

/**
 * Where the key it points at comes into being only when the wall goes up, as a partitioned table's constraints do: the
 * statements of that very transaction, and the steps behind it.
 */
export function lateKeys(draft: Draft, successors: readonly Successor[], target: Adoptee) {
  const late = successors.filter((successor) => successor.isLate && successor.target === target);
  const all = late.map((successor) => keySteps(draft, successor, successor.former.name, "enforce"));
  return {
    drop: late.map(
      ({ adoptee, former }) =>
        `alter table ${adoptee.sql} drop constraint ${quoteIdentifier(former.name)}`,
    ),
    add: all.flatMap(({ add }) => add.flatMap(({ sql }) => sql)),
    locks: late.map(({ adoptee }) => ({ table: adoptee.sql, mode: "ACCESS EXCLUSIVE" as const })),
    behind: all.flatMap(({ validate, whole }) => [...validate, ...whole]),
  };
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

/** Puts the new keys in the place of the former ones, under their names. */
export function swapForeignKeys(draft: Draft, successors: readonly Successor[]): void {
  for (const { adoptee, target, former, name, isLate: late } of successors) {
    if (late) continue;
    const { table, sql } = adoptee;
    const own = quoteIdentifier(former.name);
    const comment =
      former.comment === null
        ? []
        : [`comment on constraint ${own} on ${sql} is ${quoteLiteral(former.comment)}`];
    draft.step({
      id: `${label(table)}/foreign-key/${former.name}/swap`,
      phase: "enforce",
      title: `Let ${former.name} of ${label(table)} name the tenant alone`,
      sql: [
        `alter table ${sql} drop constraint ${own}`,
        `alter table ${sql} rename constraint ${quoteIdentifier(name)} to ${own}`,
        ...comment,
      ],
      locks: [
        { table: sql, mode: "ACCESS EXCLUSIVE" },
        { table: target.sql, mode: "ACCESS EXCLUSIVE" },
      ],
    });
  }
}
