import { qualified, quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { ObjectName, View } from "../schema.js";
import { label, primaryKey, type Adoptee, type Draft } from "./draft.js";
import { choiceOf } from "./adoptees.js";
import { groupedByTenant } from "./group-by.js";

const same = (one: ObjectName, other: ObjectName) =>
  one.schema === other.schema && one.name === other.name;

/** Whether a view shows rows of tenant tables, itself or through other views. */
export function showsTenants(draft: Draft, view: View): boolean {
  return view.reads.some((read) => {
    if (draft.adoptee(read) !== undefined) return true;
    const below = draft.schema.views.find((other) => same(other, read));
    return below !== undefined && below !== view && showsTenants(draft, below);
  });
}

/** Whether every table that a view reads is shared, itself or through other views; a view of constants reads none. */
function showsShared(draft: Draft, view: View): boolean {
  return view.reads.every((read) => {
    const table = draft.table(read);
    if (table !== undefined) return choiceOf(draft, table).kind === "shared";
    const below = draft.schema.views.find((other) => same(other, read));
    return below !== undefined && !below.isMaterialized && showsShared(draft, below);
  });
}

/** Whether the logins are let to a view: one that shows tenants' rows, or shared ones alone. */
export function isShown(draft: Draft, view: View): boolean {
  return !view.isMaterialized && (showsTenants(draft, view) || showsShared(draft, view));
}

/** Views that stand on one of these constraints, and those that read them, in the order of their making. */
function standingOn(
  draft: Draft,
  { table }: Adoptee,
  constraints: readonly string[],
): readonly View[] {
  const standing: View[] = [];
  for (const view of draft.schema.views) {
    const stands = view.constraints.some(
      (constraint) => same(constraint.table, table) && constraints.includes(constraint.name),
    );
    const reads = view.reads.some((read) => standing.some((below) => same(below, read)));
    if (stands || reads) standing.push(view);
  }
  return standing;
}

/**
 * The statements that take away the views which stand on constraints about to be dropped, and make them anew: a
 * GROUP BY of the primary key alone no longer determines the row's other columns once the key has the tenant in it.
 */
export function recreatedViews(
  draft: Draft,
  adoptee: Adoptee,
  constraints: readonly string[],
): { readonly drop: readonly string[]; readonly create: readonly string[] } {
  const views = standingOn(draft, adoptee, constraints);
  const key = primaryKey(adoptee.table)?.keys.map(({ column }) => column as string) ?? [];
  const create = views.flatMap((view) => {
    for (const dependent of view.dependents) refuseDependent(draft, view, dependent);
    const stands = view.constraints.some((constraint) => same(constraint.table, adoptee.table));
    // Another table's key may have been replaced before.
    const former = draft.definitions.get(label(view)) ?? view.definition;
    const definition = stands
      ? groupedByTenant(former, { table: adoptee.table, key, column: adoptee.column })
      : former;
    if (definition === undefined) {
      draft.obstacle({
        code: "view-group-by",
        object: label(view),
        why: `The view groups by the primary key of ${label(adoptee.table)} in a way that cannot be extended by the tenant without reading it.`,
        remedy:
          "Name every selected column in its GROUP BY, or drop it and make it anew afterwards.",
        acknowledgeable: false,
      });
      return [];
    }
    draft.definitions.set(label(view), definition);
    return createViewSql(view, definition);
  });
  const drop = views.toReversed().map((view) => `drop ${kindOf(view)} ${qualified(view)}`);
  return { drop, create };
}

function refuseDependent(draft: Draft, view: View, dependent: string): void {
  draft.obstacle({
    code: "dependent",
    object: label(view),
    why: `The ${dependent} stands on the view, which has to be made anew because it groups by a key that changes.`,
    remedy: "Drop it first and make it anew afterwards.",
    acknowledgeable: false,
  });
}

const kindOf = (view: View) => (view.isMaterialized ? "materialized view" : "view");

function createViewSql(view: View, definition: string): string[] {
  const sql = qualified(view);
  const kind = kindOf(view);
  const options = view.options.length > 0 ? ` with (${view.options.join(", ")})` : "";
  const columns = view.columns.map(quoteIdentifier).join(", ");
  const place = view.tablespace === null ? "" : ` tablespace ${quoteIdentifier(view.tablespace)}`;
  const filled = view.isMaterialized && !view.isPopulated ? " with no data" : "";
  return [
    `create ${kind} ${sql} (${columns})${options}${place} as ${definition.replace(/;\s*$/, "")}${filled}`,
    `alter ${kind} ${sql} owner to ${quoteIdentifier(view.owner)}`,
    ...view.defaults.map(
      ({ column, expression }) =>
        `alter view ${sql} alter column ${quoteIdentifier(column)} set default ${expression}`,
    ),
    ...view.indexes,
    ...view.rules,
    ...view.triggers,
    ...(view.comment === null
      ? []
      : [`comment on ${kind} ${sql} is ${quoteLiteral(view.comment)}`]),
    ...view.columnComments.map(
      ({ column, comment }) =>
        `comment on column ${sql}.${quoteIdentifier(column)} is ${quoteLiteral(comment)}`,
    ),
    ...view.grants,
  ];
}

/** Has every view that shows tenants' rows read with the rights, and under the policies, of whoever asks. */
export function planViews(draft: Draft): void {
  const { app, system } = draft.options.roles;
  const logins = `${quoteIdentifier(app)}, ${quoteIdentifier(system)}`;
  for (const view of draft.schema.views) {
    if (view.extension !== null) continue;
    const sql = qualified(view);
    if (!showsTenants(draft, view)) {
      if (!isShown(draft, view)) continue;
      draft.step({
        id: `${label(view)}/view`,
        phase: "enforce",
        title: `Let the logins read the view ${label(view)}, which shows no tenant's rows`,
        sql: [
          `alter view ${sql} set (security_invoker = true)`,
          `grant select on ${sql} to ${logins}`,
        ],
        locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
      });
      continue;
    }
    if (view.isMaterialized) {
      draft.obstacle({
        code: "materialized-view",
        object: label(view),
        why: "A materialised view holds the rows of all tenants, and no policy applies to it.",
        remedy: `Replace it by a view or by a table with the tenant's column. Acknowledged, it stays and the application's login loses every right to it.`,
        acknowledgeable: true,
      });
      draft.step({
        id: `${label(view)}/view`,
        phase: "enforce",
        title: `Take the materialised view ${label(view)} from the application's login`,
        sql: [`revoke all on ${sql} from public, ${quoteIdentifier(app)}`],
      });
      continue;
    }
    draft.step({
      id: `${label(view)}/view`,
      phase: "enforce",
      title: `Have the view ${label(view)} read under the policies of whoever asks`,
      sql: [
        `alter view ${sql} set (security_invoker = true)`,
        `revoke all on ${sql} from public, ${quoteIdentifier(app)}`,
        `grant select, insert, update, delete on ${sql} to ${logins}`,
      ],
      locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
    });
  }
}
