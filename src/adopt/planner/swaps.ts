import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { Index, Table } from "../schema.js";
import { columnList, label, type Draft, type Replacement } from "./draft.js";
import { lateKeysSql, planLateKeys, type Successor } from "./foreign-keys.js";
import { recreatedViews } from "./views.js";

/** Puts the indexes with the tenant in the place of the former ones, under their names, a table at a time. */
export function swapIndexes(draft: Draft, successors: readonly Successor[]): void {
  for (const adoptee of draft.adoptees.values()) {
    const own = draft.replacements.filter((replacement) => replacement.adoptee === adoptee);
    if (own.length === 0) continue;
    const { table, sql } = adoptee;
    const rebuilt = own.filter(({ how }) => how === "rebuild");
    const dropped = own.flatMap(({ former }) => former.constraint?.name ?? []);
    const keys = lateKeysSql(draft, successors, adoptee);
    const views = recreatedViews(draft, adoptee, dropped);
    draft.step({
      id: `${label(table)}/swap`,
      phase: "enforce",
      title: `Let ${own.map(({ former }) => former.name).join(", ")} of ${label(table)} name the tenant alone${rebuilt.length > 0 ? "; PostgreSQL has no way to build a deferrable or temporal key beside writes" : ""}`,
      bytes: rebuilt.length * draft.bytesOf(table),
      sql: [
        ...views.drop,
        ...keys.drop,
        ...own.flatMap((replacement) => swapSql(draft, replacement)),
        ...views.create,
        ...keys.add,
        ...publicationSql(table, own),
      ],
      locks: [
        { table: sql, mode: "ACCESS EXCLUSIVE" },
        ...draft
          .leavesOf(table)
          .map((leaf) => ({ table: qualified(leaf), mode: "ACCESS EXCLUSIVE" as const })),
        ...keys.locks,
      ],
    });
    planLateKeys(draft, successors, adoptee);
  }
}

function swapSql(draft: Draft, replacement: Replacement): string[] {
  const { adoptee, former, name } = replacement;
  const { table, sql } = adoptee;
  const formerIndex = qualified({ schema: table.schema, name: former.name });
  const newIndex = qualified({ schema: table.schema, name });
  const renamed = quoteIdentifier(former.name);
  const marks = [
    ...(former.isReplicaIdentity
      ? [`alter table ${sql} replica identity using index ${renamed}`]
      : []),
    ...(former.isClustered ? [`alter table ${sql} cluster on ${renamed}`] : []),
    ...(former.comment === null
      ? []
      : [`comment on index ${formerIndex} is ${quoteLiteral(former.comment)}`]),
  ];
  const { constraint } = former;
  if (constraint === null) {
    return [
      `drop index ${formerIndex}`,
      `alter index ${newIndex} rename to ${renamed}`,
      ...partNames(draft, replacement),
      ...marks,
    ];
  }
  const own = quoteIdentifier(constraint.name);
  const kind = former.isPrimary ? "primary key" : "unique";
  const when = `${constraint.deferrable ? " deferrable" : ""}${constraint.deferred ? " initially deferred" : ""}`;
  return [
    `alter table ${sql} drop constraint ${own}`,
    ...(replacement.how === "take-over"
      ? [
          `alter table ${sql} add constraint ${own} ${kind} using index ${quoteIdentifier(name)}${when}`,
        ]
      : [
          ...partsSql(draft, replacement, kind, when),
          wholeSql(replacement, sql, constraint.name, kind, when),
        ]),
    ...marks,
    ...(constraint.comment === null
      ? []
      : [`comment on constraint ${own} on ${sql} is ${quoteLiteral(constraint.comment)}`]),
  ];
}

// The indexes of the partitions take their former names as well.
function partNames(draft: Draft, { adoptee: { table }, former, parts }: Replacement): string[] {
  return draft.schema.tables.flatMap((partition) => {
    const made = parts.get(label(partition));
    const own = draft.partOf({ schema: table.schema, name: former.name }, partition);
    if (made === undefined || own === undefined) return [];
    const index = qualified({ schema: partition.schema, name: made });
    return [`alter index ${index} rename to ${quoteIdentifier(own.name)}`];
  });
}

// The partitioned table finds a like constraint on every partition, so that it builds nothing itself.
function partsSql(draft: Draft, replacement: Replacement, kind: string, when: string): string[] {
  const { adoptee, former, parts } = replacement;
  const beneath = (table: Table): string[] =>
    draft.partitionsOf(table).flatMap((partition) => {
      const own = draft.partOf({ schema: adoptee.table.schema, name: former.name }, partition);
      if (partition.kind === "partitioned" || replacement.how === "rebuild") {
        const name = own?.constraint?.name ?? former.name;
        return [
          ...beneath(partition),
          wholeSql(replacement, qualified(partition), name, kind, when),
        ];
      }
      const index = parts.get(label(partition)) ?? "";
      const name = quoteIdentifier(own?.constraint?.name ?? index);
      return [
        `alter table ${qualified(partition)} add constraint ${name} ${kind} using index ${quoteIdentifier(index)}${when}`,
      ];
    });
  return beneath(adoptee.table);
}

function wholeSql(
  { adoptee, former }: Replacement,
  table: string,
  name: string,
  kind: string,
  when: string,
): string {
  const columns = [adoptee.column, ...former.keys.map(({ column }) => column as string)];
  const include = former.include.filter((column) => column !== adoptee.column);
  const overlaps = former.constraint?.withoutOverlaps === true ? " without overlaps" : "";
  return [
    `alter table ${table} add constraint ${quoteIdentifier(name)} ${kind}`,
    ...(former.nullsNotDistinct && !former.isPrimary ? ["nulls not distinct"] : []),
    `(${columnList(columns)}${overlaps})`,
    ...(include.length > 0 ? [`include (${columnList(include)})`] : []),
    ...(former.storage.length > 0 ? [`with (${former.storage.join(", ")})`] : []),
    ...(former.tablespace === null
      ? []
      : [`using index tablespace ${quoteIdentifier(former.tablespace)}`]),
    when.trim(),
  ]
    .join(" ")
    .trimEnd();
}

// A publication's columns must take in those that identify a row, and now the tenant's does.
function publicationSql(table: Table, replacements: readonly Replacement[]): string[] {
  const identifies = ({ isPrimary, isReplicaIdentity }: Index) =>
    isReplicaIdentity || (isPrimary && table.replicaIdentity === "default");
  const replaced = replacements.find(({ former }) => identifies(former));
  if (replaced === undefined) return [];
  const { sql, column } = replaced.adoptee;
  return table.publications.flatMap(({ name, columns, rowFilter }) =>
    columns.length === 0 || columns.includes(column)
      ? []
      : [
          `alter publication ${quoteIdentifier(name)} drop table ${sql}`,
          `alter publication ${quoteIdentifier(name)} add table ${sql} (${columnList([...columns, column])})${rowFilter === null ? "" : ` where (${rowFilter})`}`,
        ],
  );
}
