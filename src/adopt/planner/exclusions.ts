import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { Index } from "../schema.js";
import { columnList, label, type Adoptee, type Draft } from "./draft.js";

// What equality needs in these access methods, which by themselves know none for ids.
const EXTENSIONS: Record<string, string> = { gist: "btree_gist" };

/** Adds, beside each exclusion constraint, one that speaks of a single tenant's rows. */
export function planExclusions(draft: Draft): void {
  for (const adoptee of draft.adoptees.values()) {
    for (const former of adoptee.table.indexes) {
      if (!former.isExclusion || former.constraint?.withoutOverlaps || former.parent !== null)
        continue;
      if (former.keys.some(({ column }) => column === adoptee.column)) continue;
      if (mayCompare(draft, adoptee, former)) exclude(draft, adoptee, former);
    }
  }
}

/** Whether a key of this access method can compare tenants; if need be by an extension, which the plan then installs. */
export function mayCompare(draft: Draft, { table }: Adoptee, former: Index): boolean {
  const extension = EXTENSIONS[former.method];
  const { installed, available } = draft.schema.extensions;
  const obstacle = (why: string, remedy: string) => {
    draft.obstacle({
      code: "exclusion",
      object: `${label(table)}.${former.name}`,
      why,
      remedy,
      acknowledgeable: false,
    });
    return false;
  };
  if (extension === undefined) {
    if (former.method === "btree" || former.method === "hash") return true;
    return obstacle(
      `An exclusion constraint over ${former.method} takes no second key, so it cannot be made to speak of one tenant.`,
      "Replace it by one that uses gist.",
    );
  }
  if (installed.includes(extension)) return true;
  if (!available.includes(extension)) {
    return obstacle(
      `The constraint needs the extension ${extension} to compare tenants, and the server does not have it.`,
      `Install ${extension} on the server.`,
    );
  }
  const id = `extension/${extension}`;
  if (!draft.steps.some((step) => step.id === id)) {
    draft.step({
      id,
      phase: "expand",
      title: `Install ${extension}, which lets exclusion constraints compare tenants`,
      sql: [
        `create extension if not exists ${quoteIdentifier(extension)} schema ${quoteIdentifier(table.schema)}`,
      ],
      // Left where something else has come to use it.
      down: [
        `do $undo$ begin drop extension if exists ${quoteIdentifier(extension)}; exception when dependent_objects_still_exist then null; end $undo$`,
      ],
    });
  }
  return true;
}

function exclude(draft: Draft, { table, sql, column }: Adoptee, former: Index): void {
  const { constraint } = former;
  if (constraint === null) return;
  const name = draft.names.relation(table.schema, `partywall_${former.name}`);
  // A hash takes one column; it compares for equality, as a tree does.
  const method = former.method === "hash" ? "btree" : former.method;
  const keys = former.keys.map(
    ({ definition, options }, at) =>
      `${definition}${options && ` ${options}`} with ${constraint.operators[at] ?? "="}`,
  );
  const clauses = [
    `exclude using ${method} (${[`${quoteIdentifier(column)} with operator(pg_catalog.=)`, ...keys].join(", ")})`,
    ...(former.include.length > 0 ? [`include (${columnList(former.include)})`] : []),
    ...(former.storage.length > 0 ? [`with (${former.storage.join(", ")})`] : []),
    ...(former.predicate === null ? [] : [`where (${former.predicate})`]),
    ...(constraint.deferrable ? ["deferrable"] : []),
    ...(constraint.deferred ? ["initially deferred"] : []),
  ];
  draft.step({
    id: `${label(table)}/exclusion/${former.name}`,
    phase: "expand",
    title: `Have ${former.name} of ${label(table)} exclude within a tenant; PostgreSQL has no way to build it beside writes`,
    sql: [`alter table ${sql} add constraint ${quoteIdentifier(name)} ${clauses.join(" ")}`],
    locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
    bytes: draft.bytesOf(table),
    down: [`alter table ${sql} drop constraint if exists ${quoteIdentifier(name)}`],
  });
  const own = quoteIdentifier(constraint.name);
  draft.step({
    id: `${label(table)}/exclusion/${former.name}/swap`,
    phase: "enforce",
    title: `Let ${former.name} of ${label(table)} exclude within a tenant alone`,
    sql: [
      `alter table ${sql} drop constraint ${own}`,
      `alter table ${sql} rename constraint ${quoteIdentifier(name)} to ${own}`,
      ...(constraint.comment === null
        ? []
        : [`comment on constraint ${own} on ${sql} is ${quoteLiteral(constraint.comment)}`]),
    ],
    locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
  });
}
