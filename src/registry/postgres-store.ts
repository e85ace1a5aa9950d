import { createTable, tableExists } from "./postgres-table.js";
import {
  connectionConfig,
  plainName,
  unavailable,
  type PgModule,
  type PgPool,
  type PostgresConnection,
} from "./postgres-driver.js";
import type { TenantPatch, TenantRecord } from "./record.js";
import type { StorePage, TenantStore } from "./store.js";

/** Where `postgresStore` keeps tenants, beside the options of `pg`. */
export interface PostgresStoreOptions extends PostgresConnection {
  /** Schema of the table; `"partywall"` unless told. */
  readonly schema?: string;
  /** Name of the table; `"tenants"` unless told. */
  readonly table?: string;
  /** Channel that tells other processes of changes; `"partywall_registry"` unless told. */
  readonly channel?: string;
  /** Connections at most; 2 unless told. */
  readonly max?: number;
}

const UNIQUE_VIOLATION = "23505";

/**
 * Keeps tenant records in PostgreSQL, through its own small pool and its own login: the application's login needs,
 * and should have, no right on the table. Opens no connection before the first use, which creates schema and table
 * if they are missing. Every change is told to other processes by NOTIFY (see `postgresInvalidation`). Failures of the
 * driver become `PW_REGISTRY_UNAVAILABLE`; missing or malformed options throw `PW_CONFIG`, on first use if missing.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { createPartywall } from "partywall";
 * import { postgresStore } from "partywall/registry";
 *
 * const connectionString = process.env["REGISTRY_URL"];
 * const pw = createPartywall({ store: postgresStore(pg, { connectionString }) });
 * await pw.ready();
 * await pw.tenants.create({ slug: "acme", name: "Acme" });
 * await pw.close();
 * ```
 */
export function postgresStore(pg: PgModule, options: PostgresStoreOptions): TenantStore {
  const {
    schema = "partywall",
    table = "tenants",
    channel = "partywall_registry",
    max = 2,
    ...connection
  } = options;
  const names = {
    schema: plainName(schema, "postgresStore({ schema })"),
    table: plainName(table, "postgresStore({ table })"),
  };
  const relation = `${names.schema}.${names.table}`;
  plainName(channel, "postgresStore({ channel })");
  let pool: PgPool | undefined;
  let initialised: Promise<void> | undefined;

  function open(): PgPool {
    if (pool !== undefined) return pool;
    pool = new pg.Pool({ ...connectionConfig(connection, "postgresStore()"), max });
    // pg has removed the broken idle connection by then and the next query opens another; without a listener
    // the process would end.
    pool.on("error", () => undefined);
    return pool;
  }

  async function ask(
    text: string,
    values?: unknown[],
  ): Promise<readonly Record<string, unknown>[]> {
    try {
      return (await open().query(text, values)).rows;
    } catch (error) {
      throw unavailable(error, connection);
    }
  }

  async function initialise(): Promise<void> {
    const [row] = await ask(tableExists(names));
    // Looked for first: CREATE … IF NOT EXISTS asks for the right to create even where there is nothing to create.
    if (row?.["present"] !== true) await ask(createTable(names));
  }

  function init(): Promise<void> {
    initialised ??= initialise().catch((error: unknown) => {
      initialised = undefined;
      throw error;
    });
    return initialised;
  }

  async function query(
    text: string,
    values: unknown[],
  ): Promise<readonly Record<string, unknown>[]> {
    await init();
    return ask(text, values);
  }

  return {
    async find(key) {
      const [column, value] =
        "id" in key ? (["id", key.id] as const) : (["slug", key.slug] as const);
      const [row] = await query(
        `select ${RECORD} as record from ${relation} where ${column} = $1`,
        [value],
      );
      return row === undefined ? undefined : recordOf(row);
    },

    async list({
      after = null,
      limit,
      status,
    }: Omit<StorePage, "after"> & { readonly after?: string | null }) {
      const rows = await query(
        `select ${RECORD} as record from ${relation}
         where status = any($1::text[]) and ($2::text is null or id > $2::text) order by id limit $3`,
        [[...status], after, limit],
      );
      return rows.map(recordOf);
    },

    async insert(record) {
      const { id, slug, name, status, placement, fields, version, createdAt, updatedAt } = record;
      const rows = await query(
        `with added as (
           insert into ${relation} (id, slug, name, status, placement, fields, version, created_at, updated_at)
           values ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8::timestamptz, $9::timestamptz)
           on conflict do nothing returning id)
         select id, pg_notify('${channel}', id) from added`,
        [
          id,
          slug,
          name,
          status,
          JSON.stringify(placement),
          JSON.stringify(fields),
          version,
          createdAt,
          updatedAt,
        ],
      );
      if (rows.length > 0) return "inserted";
      const sameId = await query(`select 1 from ${relation} where id = $1`, [id]);
      return sameId.length > 0 ? "id-taken" : "slug-taken";
    },

    async update(id, expectedVersion, patch) {
      const {
        slug = null,
        name = null,
        status = null,
        placement,
        fields,
        updatedAt,
      }: Nullable<TenantPatch> = patch;
      try {
        const rows = await query(
          `with changed as (
             update ${relation} set slug = coalesce($3, slug), name = coalesce($4, name),
               status = coalesce($5, status), fields = coalesce($6::jsonb, fields),
               placement = coalesce($8::jsonb, placement), updated_at = $7::timestamptz, version = version + 1
             where id = $1 and version = $2 returning id)
           select id, pg_notify('${channel}', id) from changed`,
          [
            id,
            expectedVersion,
            slug,
            name,
            status,
            fields === undefined ? null : JSON.stringify(fields),
            updatedAt,
            placement === undefined ? null : JSON.stringify(placement),
          ],
        );
        return rows.length > 0 ? "updated" : "conflict";
      } catch (error) {
        if (sqlState(error) === UNIQUE_VIOLATION) return "slug-taken";
        throw error;
      }
    },

    init,

    async close() {
      const opened = pool;
      pool = undefined;
      initialised = undefined;
      await opened?.end();
    },
  };
}

/** The SQLSTATE that {@link unavailable} kept. */
function sqlState(error: unknown): unknown {
  return ((error as Error).cause as { readonly code?: unknown } | undefined)?.code;
}

type Nullable<T> = { readonly [K in keyof T]: T[K] | null };

// One text column, built in SQL: what the application has set with pg.types.setTypeParser() does not reach it.
const RECORD = `json_build_object('id', id, 'slug', slug, 'name', name, 'status', status, 'placement', placement,
  'fields', fields, 'version', version,
  'createdAt', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'updatedAt', to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text`;

function recordOf(row: Record<string, unknown>): TenantRecord {
  return JSON.parse(row["record"] as string) as TenantRecord;
}
