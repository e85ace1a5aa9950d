import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import type { TenantType } from "../../guards/postgres/ddl/seal-sql.js";
import { fittingName } from "./names.js";
import { label, primaryKey, type Adoptee, type Draft } from "./draft.js";

const SQL_TYPES: Record<TenantType, string> = { uuid: "uuid", bigint: "bigint", text: "text" };

/** The tenant of the rows that are there, as a literal of the column's type. */
export function tenantLiteral(draft: Draft): string {
  return `${quoteLiteral(draft.options.tenant)}::${SQL_TYPES[draft.type]}`;
}

/** Whether the column comes to this table by itself, with its parent's. */
function comesWithParent(draft: Draft, { table }: Adoptee): boolean {
  if (table.partitionOf !== null) return true;
  return table.inherits.some((parent) => draft.adoptee(parent) !== undefined);
}

/** Adds the tenant columns, so that the former application goes on writing rows that have a tenant. */
export function planColumns(draft: Draft): void {
  for (const adoptee of draft.adoptees.values()) {
    if (comesWithParent(draft, adoptee)) continue;
    if (adoptee.former !== undefined) {
      draft.notice(
        "existing-column",
        `${label(adoptee.table)}.${adoptee.column}`,
        "The column is there already, and its values are taken for the ids of tenants: each must be in the registry.",
      );
    }
    if (adoptee.former === undefined) addColumn(draft, adoptee);
    else if (!adoptee.former.notNull && adoptee.former.default === null && !adoptee.choice.assign) {
      setDefault(draft, adoptee);
    }
    if (adoptee.choice.assign !== undefined) assignOnWrite(draft, adoptee, adoptee.choice.assign);
  }
}

function addColumn(draft: Draft, { table, sql, column, choice }: Adoptee): void {
  // A constant is kept in the catalogue, not written into the rows; a function that reads the tenant would be.
  const value = choice.assign === undefined ? ` not null default ${tenantLiteral(draft)}` : "";
  draft.step({
    id: `${label(table)}/column`,
    phase: "expand",
    title: `Add ${column} to ${label(table)}`,
    sql: [
      `alter table ${sql} add column ${quoteIdentifier(column)} ${SQL_TYPES[draft.type]}${value}`,
    ],
    locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
    down: [`alter table ${sql} drop column ${quoteIdentifier(column)}`],
  });
}

function setDefault(draft: Draft, { table, sql, column }: Adoptee): void {
  const name = quoteIdentifier(column);
  draft.step({
    id: `${label(table)}/default`,
    phase: "expand",
    title: `Give new rows of ${label(table)} the tenant they would lack`,
    sql: [`alter table ${sql} alter column ${name} set default ${tenantLiteral(draft)}`],
    locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
    down: [`alter table ${sql} alter column ${name} drop default`],
  });
}

/** The trigger that gives rows written by the former application their tenant, and its function. */
function assigner({ table }: Adoptee): { readonly trigger: string; readonly call: string } {
  const name = quoteIdentifier(fittingName(`partywall_assign_${table.name}`));
  return { trigger: name, call: `${quoteIdentifier(table.schema)}.${name}` };
}

function assignOnWrite(draft: Draft, adoptee: Adoptee, assign: string): void {
  const { table, sql, column } = adoptee;
  const { trigger, call } = assigner(adoptee);
  const name = quoteIdentifier(column);
  draft.step({
    id: `${label(table)}/assign`,
    phase: "expand",
    title: `Give new rows of ${label(table)} their tenant as they are written`,
    sql: [
      `create function ${call}() returns trigger language plpgsql set search_path = ${searchPath(draft)} as $assign$
begin
  if new.${name} is null then
    new.${name} := (select (${assign}) from (select new.*) as ${quoteIdentifier(table.name)});
  end if;
  return new;
end
$assign$`,
      `create trigger ${trigger} before insert or update on ${sql} for each row execute function ${call}()`,
    ],
    locks: [{ table: sql, mode: "SHARE ROW EXCLUSIVE" }],
    down: [`drop trigger if exists ${trigger} on ${sql}`, `drop function if exists ${call}()`],
  });
}

// The expression names tables as the application does, whoever writes the row.
const searchPath = (draft: Draft) =>
  [...(draft.options.schemas ?? ["public"]).map(quoteIdentifier), "pg_temp"].join(", ");

/** What takes the trigger away again, once the database stamps rows by the scope's tenant. */
export function unassignSql(adoptee: Adoptee): string[] {
  if (adoptee.choice.assign === undefined) return [];
  const { trigger, call } = assigner(adoptee);
  return [`drop trigger ${trigger} on ${adoptee.sql}`, `drop function ${call}()`];
}

/** Fills the tenant column where the catalogue alone could not, and has it filled for good. */
export function planBackfill(draft: Draft): void {
  for (const adoptee of draft.adoptees.values()) {
    if (!adoptee.isFilled || adoptee.table.partitionOf !== null) continue;
    const { table, sql, column, choice } = adoptee;
    const name = quoteIdentifier(column);
    const key = primaryKey(table)?.keys.map((part) => part.column as string) ?? [];
    draft.step({
      id: `${label(table)}/fill`,
      phase: "backfill",
      title: `Fill ${column} of ${label(table)}`,
      sql: [],
      locks: [{ table: sql, mode: "ROW EXCLUSIVE" }],
      bytes: draft.bytesOf(table),
      batches: {
        table: sql,
        // The rows of a partitioned table and of children are found by their address in each.
        key: key.map(quoteIdentifier),
        set: `${name} = ${choice.assign === undefined ? tenantLiteral(draft) : `(${choice.assign})`}`,
        where: `${name} is null`,
      },
      // Dropping the column takes what was filled with it; a column that was there keeps it.
      ...(adoptee.former === undefined && { down: [] }),
    });
  }
  for (const adoptee of draft.adoptees.values()) {
    if (adoptee.isFilled && adoptee.table.partitionOf === null) demandTenant(draft, adoptee);
  }
}

// NOT NULL alone would read the whole table under its strongest lock; a validated check lets it believe.
function demandTenant(draft: Draft, { table, sql, column, former }: Adoptee): void {
  const name = quoteIdentifier(column);
  const check = quoteIdentifier(
    draft.names.constraint(table.schema, table.name, `${table.name}_${column}_present`),
  );
  const title = `Have every row of ${label(table)} name its tenant`;
  const drop = `alter table ${sql} drop constraint if exists ${check}`;
  draft.step({
    id: `${label(table)}/present`,
    phase: "backfill",
    title: `${title}: new ones`,
    sql: [`alter table ${sql} add constraint ${check} check (${name} is not null) not valid`],
    locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
    down: [drop],
  });
  draft.step({
    id: `${label(table)}/present-validate`,
    phase: "backfill",
    title: `${title}: those that are there`,
    sql: [`alter table ${sql} validate constraint ${check}`],
    locks: [{ table: sql, mode: "SHARE UPDATE EXCLUSIVE" }],
    bytes: draft.bytesOf(table),
    down: [],
  });
  draft.step({
    id: `${label(table)}/not-null`,
    phase: "backfill",
    title: `${title}: the column itself`,
    sql: [`alter table ${sql} alter column ${name} set not null`, drop],
    locks: [{ table: sql, mode: "ACCESS EXCLUSIVE" }],
    ...(former?.notNull !== true && {
      down: [`alter table ${sql} alter column ${name} drop not null`],
    }),
  });
}
