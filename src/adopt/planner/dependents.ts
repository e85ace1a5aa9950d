import type { SqlClient } from "../../guards/postgres/index.js";
import { choiceOf } from "./adoptees.js";
import { isShown, showsTenants } from "./views.js";
import { label, type Draft } from "./draft.js";

// Foreign keys and views are taken away and made anew; what else stands on a key would stop its swap half-way.
const DEPENDENTS = `
select t.id as label, c.conname as name, pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) as dependent
from pg_catalog.jsonb_to_recordset($1::jsonb) as t (id text, schema text, name text, constraints jsonb)
join pg_catalog.pg_namespace n on n.nspname = t.schema
join pg_catalog.pg_class r on r.relnamespace = n.oid and r.relname = t.name
join pg_catalog.pg_constraint c on c.conrelid = r.oid and t.constraints ? c.conname
join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and d.refobjid = c.oid
where d.deptype = 'n' and d.classid not in ('pg_catalog.pg_constraint'::pg_catalog.regclass, 'pg_catalog.pg_rewrite'::pg_catalog.regclass)`;

// PostgreSQL adds no column with a default to a table whose row type is stored somewhere.
const ROW_TYPES = `
with recursive stored as (
  select t.id as label, r.reltype as type
  from pg_catalog.jsonb_to_recordset($1::jsonb) as t (id text, schema text, name text)
  join pg_catalog.pg_namespace n on n.nspname = t.schema
  join pg_catalog.pg_class r on r.relnamespace = n.oid and r.relname = t.name
  union
  select stored.label, y.oid from stored
  join pg_catalog.pg_type y on y.typelem = stored.type or y.typbasetype = stored.type
    or exists (select from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid
      where c.reltype = y.oid and c.relkind = 'c' and a.atttypid = stored.type)
)
select stored.label, pg_catalog.format('%s.%I', a.attrelid::pg_catalog.regclass, a.attname) as dependent
from stored join pg_catalog.pg_attribute a on a.atttypid = stored.type and not a.attisdropped
join pg_catalog.pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'm', 'p')`;

const FULL = `
select t.id as label from pg_catalog.jsonb_to_recordset($1::jsonb) as t (id text, schema text, name text)
join pg_catalog.pg_namespace n on n.nspname = t.schema
join pg_catalog.pg_class r on r.relnamespace = n.oid and r.relname = t.name and r.relnatts >= 1600`;

async function findRowTypes(client: SqlClient, draft: Draft): Promise<void> {
  const tables = [...draft.adoptees.values()]
    .filter(({ former }) => former === undefined)
    .map(({ table: { schema, name } }) => ({ id: label({ schema, name }), schema, name }));
  const asked = [JSON.stringify(tables)];
  for (const row of (await client.query(FULL, asked)).rows) {
    draft.obstacle({
      code: "column-limit",
      object: String(row["label"]),
      why: "It has had 1600 columns, the most that PostgreSQL takes; those that were dropped count as well.",
      remedy: "Make it anew with fewer.",
      acknowledgeable: false,
    });
  }
  const { rows } = await client.query(ROW_TYPES, asked);
  for (const row of rows) {
    const { label: table, dependent } = row as Record<"label" | "dependent", string>;
    draft.obstacle({
      code: "row-type",
      object: table,
      why: `The column ${dependent} holds whole rows of it, so PostgreSQL adds no column with a default to it.`,
      remedy: `Change ${dependent} to jsonb or to a type of its own.`,
      acknowledgeable: false,
    });
  }
}

const NOT_OWNED = `
select t.id as label from pg_catalog.jsonb_to_recordset($1::jsonb) as t (id text, schema text, name text)
join pg_catalog.pg_namespace n on n.nspname = t.schema
join pg_catalog.pg_class r on r.relnamespace = n.oid and r.relname = t.name
where not pg_catalog.pg_has_role(current_user, r.relowner, 'usage')`;

async function findOwners(client: SqlClient, draft: Draft): Promise<void> {
  const tables = [
    ...draft.schema.tables.filter((table) => choiceOf(draft, table).kind !== "unmanaged"),
    ...draft.schema.views.filter((view) => showsTenants(draft, view) || isShown(draft, view)),
  ]
    .filter(({ extension }) => extension === null)
    .map(({ schema, name }) => ({ id: label({ schema, name }), schema, name }));
  for (const row of (await client.query(NOT_OWNED, [JSON.stringify(tables)])).rows) {
    draft.obstacle({
      code: "owner",
      object: String(row["label"]),
      why: `The login ${draft.schema.login}, which adopts, does not own it and may not change it.`,
      remedy: "Adopt as its owner or as a superuser, or give it to this login.",
      acknowledgeable: false,
    });
  }
}

/** Finds what else stands on a constraint that is to be replaced, such as the body of an SQL function, or stores rows of a table. */
export async function findDependents(client: SqlClient, draft: Draft): Promise<void> {
  await findOwners(client, draft);
  await findRowTypes(client, draft);
  const tables = [...draft.adoptees.values()].flatMap((adoptee) => {
    const { table } = adoptee;
    const constraints = draft.replacements.flatMap((replacement) =>
      replacement.adoptee === adoptee ? (replacement.former.constraint?.name ?? []) : [],
    );
    return constraints.length === 0
      ? []
      : [{ id: label(table), schema: table.schema, name: table.name, constraints }];
  });
  if (tables.length === 0) return;
  const { rows } = await client.query(DEPENDENTS, [JSON.stringify(tables)]);
  for (const row of rows) {
    const { label: table, name, dependent } = row as Record<"label" | "name" | "dependent", string>;
    draft.obstacle({
      code: "dependent",
      object: `${table}.${name}`,
      why: `The ${dependent} stands on the constraint, which is replaced by one with the tenant in it.`,
      remedy:
        "Drop it first and make it anew afterwards; a GROUP BY of the key alone then names the tenant as well.",
      acknowledgeable: false,
    });
  }
}
