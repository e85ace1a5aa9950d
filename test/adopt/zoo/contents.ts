import type pg from "pg";
import type { AdoptionPlan } from "partywall/adopt";
import { ask, type Answer, type Asker } from "./answers.js";

/** A table or view that holds an application's rows. */
export interface Holder {
  /** Quoted and qualified. */
  readonly sql: string;
  /** The tenant column where it is a tenant's table, to tell one tenant's rows unguarded. */
  readonly tenantColumn?: string;
}

/** Every table and view that the application can read, by the plan's kinds; views have none. */
export async function holders(keeper: pg.Client, plan: AdoptionPlan): Promise<Holder[]> {
  const { rows } = await keeper.query<{ schema: string; name: string; root: string; sql: string }>(
    `select n.nspname as schema, c.relname as name, format('%I.%I', n.nspname, c.relname) as sql,
       coalesce(nullif(pg_partition_root(c.oid), c.oid)::oid::text, '') as root
     from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = any($1)
     where c.relkind in ('r', 'p', 'v') and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e') order by 3`,
    [plan.options.schemas ?? ["public"]],
  );
  return rows.flatMap(({ schema, name, sql, root }) => {
    // A partition's rows are its root's, which is among the others.
    if (root !== "") return [];
    const known = plan.tables.find((table) => table.schema === schema && table.name === name);
    if (known?.kind === "unmanaged") return [];
    return [{ sql, ...(known?.column !== undefined && { tenantColumn: known.column }) }];
  });
}

/** What all of them hold, as one asker sees it. */
export async function contents(
  asker: Asker,
  of: readonly Holder[],
  tenantColumns: readonly string[],
): Promise<ReadonlyMap<string, Answer>> {
  const seen = new Map<string, Answer>();
  for (const { sql } of of) seen.set(sql, await ask(asker, `select * from ${sql}`, tenantColumns));
  return seen;
}

/** What the tenant's tables really hold of one tenant's rows. */
export async function really(
  keeper: pg.Client,
  of: readonly Holder[],
  tenant: string,
  tenantColumns: readonly string[],
): Promise<ReadonlyMap<string, Answer>> {
  const seen = new Map<string, Answer>();
  for (const { sql, tenantColumn } of of) {
    if (tenantColumn === undefined) continue;
    const column = `"${tenantColumn.replaceAll('"', '""')}"`;
    const literal = `'${tenant.replaceAll("'", "''")}'`;
    seen.set(
      sql,
      await ask(keeper, `select * from ${sql} where ${column} = ${literal}`, tenantColumns),
    );
  }
  return seen;
}
