import type pg from "pg";
import type { AdoptionPlan, TablePlan } from "partywall/adopt";
import { refusal } from "./answers.js";

interface Target {
  readonly oid: number;
  readonly table: string;
  readonly tenantColumn: string;
  readonly tenantType: string;
  /** Columns that an insert may give, quoted. */
  readonly given: readonly string[];
  /** Columns of a primary key without the tenant, which has to be fresh in the whole world. */
  readonly keptKey: readonly {
    readonly name: string;
    readonly type: string;
    readonly hasDefault: boolean;
  }[];
  readonly keptKeyName: string | null;
  /** Foreign keys into tenants' rows: their columns but the tenant, and what they point at. */
  readonly references: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly isSelf: boolean;
    readonly referenced: readonly string[];
  }[];
}

const TARGETS = `select c.oid::int, format('%I.%I', n.nspname, c.relname) as table, p.col as "tenantColumn", p.type as "tenantType",
  array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    and a.attidentity <> 'a' and a.attname <> p.col order by a.attnum) as given,
  coalesce((select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'hasDefault', a.atthasdef or a.attidentity <> ''))
    from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
    where i.indrelid = c.oid and i.indisprimary and not exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = p.col and t.attnum = any(i.indkey))), '[]') as "keptKey",
  (select conname from pg_constraint where conrelid = c.oid and contype = 'p') as "keptKeyName",
  coalesce((select json_agg(json_build_object('name', k.conname, 'isSelf', k.conrelid = k.confrelid,
      'columns', array(select a.attname::text from unnest(k.conkey) with ordinality u (attnum, at) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum where a.attname <> p.col order by u.at),
      'referenced', array(select a.attname::text from unnest(k.confkey) with ordinality u (attnum, at) join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum where a.attname <> q.col order by u.at)))
    from pg_constraint k join plan q on q.oid = k.confrelid where k.conrelid = c.oid and k.contype = 'f' and pg_get_constraintdef(k.oid) !~ 'NOT ENFORCED$'), '[]') as references
from plan p join pg_class c on c.oid = p.oid join pg_namespace n on n.oid = c.relnamespace order by 2`;

const PLAN = `with plan as (select t.col, t.type, c.oid from jsonb_to_recordset($1::jsonb) t (schema text, name text, col text, type text)
  join pg_namespace n on n.nspname = t.schema join pg_class c on c.relnamespace = n.oid and c.relname = t.name)`;

/**
 * Tries, as the second tenant, to do with copies of the first one's rows what no neighbour may: meet their unique
 * values, point at them, or be handed them. Whatever it does is rolled back. Returns what it could do.
 *
 * @param guarded a client of the guarded pool, checked out in the second tenant's scope
 */
export async function trespasses(
  keeper: pg.Client,
  guarded: pg.PoolClient,
  plan: AdoptionPlan,
  first: string,
): Promise<string[]> {
  const found: string[] = [];
  const all = await targets(keeper, plan);
  await guarded.query("begin");
  try {
    // What is met or pointed at shall not be its own.
    for (let turn = 0; turn < 3; turn += 1) {
      for (const { table } of all) await attempt(guarded, `delete from ${table}`, [], "release");
    }
    for (const target of all) {
      const { rows } = await keeper.query<{ row: Record<string, unknown> }>(
        `select to_jsonb(t) as row from ${target.table} t where ${quoted(target.tenantColumn)} = $1 limit 5`,
        [first],
      );
      for (const { row } of rows) found.push(...(await trespass(guarded, target, row, first)));
    }
  } finally {
    await guarded.query("rollback");
  }
  return [...new Set(found)];
}

async function targets(keeper: pg.Client, plan: AdoptionPlan): Promise<Target[]> {
  const tables = plan.tables
    .filter(
      (table): table is TablePlan & { column: string } =>
        table.kind === "tenant" && table.column !== undefined,
    )
    .map(({ schema, name, column }) => ({ schema, name, col: column, type: "" }));
  const { rows } = await keeper.query<Target>(`${PLAN} ${TARGETS}`, [JSON.stringify(tables)]);
  return rows;
}

async function trespass(
  guarded: pg.PoolClient,
  target: Target,
  row: Record<string, unknown>,
  first: string,
): Promise<string[]> {
  const fresh = new Map<string, string>();
  for (const { name, type, hasDefault } of target.keptKey) {
    if (hasDefault) fresh.set(name, "default");
    else if (type === "uuid") fresh.set(name, "gen_random_uuid()");
  }
  const names = target.given.filter((name) => fresh.get(name) !== "default");
  const columns = names.map(quoted).join(", ");
  const values = names.map((name) => fresh.get(name) ?? `r.${quoted(name)}`).join(", ");
  const source = `from jsonb_populate_record(null::${target.table}, $1) r`;
  const insert =
    names.length > 0
      ? `insert into ${target.table} (${columns}) select ${values} ${source}`
      : `insert into ${target.table} default values`;
  const found: string[] = [];
  const copied = await attempt(guarded, insert, names.length > 0 ? [JSON.stringify(row)] : []);
  if (/^23(?:505|P01)/.test(copied) && !copied.endsWith(` ${target.keptKeyName}`)) {
    found.push(`${target.table}: a copy of another tenant's row meets it (${copied})`);
  }
  const reaching = target.references.find((reference) => pointsAway(reference, row, fresh));
  if (copied === "done" && reaching) {
    found.push(`${target.table}.${reaching.name}: a row points at another tenant's`);
  }
  const handed = `insert into ${target.table} (${[...names, target.tenantColumn].map(quoted).join(", ")})
    select ${[values, `r.${quoted(target.tenantColumn)}`].filter(Boolean).join(", ")} ${source}`;
  const given = await attempt(guarded, handed, [
    JSON.stringify({ ...row, [target.tenantColumn]: first }),
  ]);
  if (given === "done") found.push(`${target.table}: a row can be written for another tenant`);
  return found;
}

// A key that holds a null points nowhere, and one that is the row's own points at the copy.
function pointsAway(
  { columns, referenced, isSelf }: Target["references"][number],
  row: Record<string, unknown>,
  fresh: ReadonlyMap<string, string>,
): boolean {
  if (columns.length === 0 || columns.some((name) => row[name] === null || fresh.has(name)))
    return false;
  return !(isSelf && columns.every((name, at) => row[name] === row[referenced[at] as string]));
}

/** Runs a statement and all deferred checks, takes it back or not, and says `done`, `nothing` or what refused it. */
async function attempt(
  guarded: pg.PoolClient,
  sql: string,
  values: unknown[],
  end: "take back" | "release" = "take back",
): Promise<string> {
  let isKept = end === "release";
  await guarded.query("savepoint attempt");
  try {
    const { rowCount } = await guarded.query(sql, values);
    await guarded.query("set constraints all immediate");
    return rowCount === 0 ? "nothing" : "done";
  } catch (error) {
    isKept = false;
    return refusal(error);
  } finally {
    await guarded.query(`${isKept ? "release" : "rollback to"} savepoint attempt`);
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
