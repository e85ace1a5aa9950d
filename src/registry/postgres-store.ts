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
import type { StoreKey, StorePage, TenantStore } from "./store.js";

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
  const record = recordIn(relation);
  const conditionOf = (key: StoreKey): readonly [condition: string, value: string] => {
    if ("id" in key) return ["id = $1", key.id];
    if ("slug" in key) return ["slug = $1", key.slug];
    return [`id = (select tenant_id from ${relation}_domains where domain = $1)`, key.domain];
  };
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
      const [condition, value] = conditionOf(key);
      const [row] = await query(
        `select ${record} as record from ${relation} as tenant where ${condition}`,
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
        `select ${record} as record from ${relation} as tenant
         where status = any($1::text[]) and ($2::text is null or id > $2::text) order by id limit $3`,
        [[...status], after, limit],
      );
      return rows.map(recordOf);
    },

    async insert(added) {
      const { id, slug, name, status, placement, fields, settings, version, createdAt, updatedAt } =
        added;
      const rows = await query(
        `with added as (
           insert into ${relation} (id, slug, name, status, placement, fields, settings, version, created_at, updated_at)
           values ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $10::jsonb, $7, $8::timestamptz, $9::timestamptz)
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
          JSON.stringify(settings),
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
        domains,
        status = null,
        placement,
        fields,
        settings,
        updatedAt,
      }: Nullable<TenantPatch> = patch;
      try {
        const rows = await query(
          `with changed as (
             update ${relation} set slug = coalesce($3, slug), name = coalesce($4, name),
               status = coalesce($5, status), fields = coalesce($6::jsonb, fields),
               placement = coalesce($8::jsonb, placement), settings = coalesce($10::jsonb, settings), updated_at = $7::timestamptz, version = version + 1
             where id = $1 and version = $2 returning id),
           gone as (
             delete from ${relation}_domains using changed
             where $9::text[] is not null and tenant_id = changed.id and domain <> all($9::text[])),
           come as (
             insert into ${relation}_domains (domain, tenant_id)
             select name, changed.id from changed, unnest($9::text[]) as name
             where not exists (select from ${relation}_domains where domain = name and tenant_id = changed.id))
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
            domains === undefined ? null : domains,
            settings === undefined ? null : JSON.stringify(settings),
          ],
        );
        return rows.length > 0 ? "updated" : "conflict";
      } catch (error) {
        const { code, constraint } = causeOf(error);
        if (code !== UNIQUE_VIOLATION) throw error;
        return constraint === `${names.table}_domains_pkey` ? "domain-taken" : "slug-taken";
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

/** What {@link unavailable} kept of the server's error. */
function causeOf(error: unknown): { readonly code?: unknown; readonly constraint?: unknown } {
  return (error as Error).cause ?? {};
}

type Nullable<T> = { readonly [K in keyof T]: T[K] | null };

// One text column, built in SQL: what the application has set with pg.types.setTypeParser() does not reach it.
const recordIn = (
  relation: string,
) => `json_build_object('id', id, 'slug', slug, 'name', name, 'status', status, 'placement', placement,
  'domains', (select coalesce(json_agg(domain order by domain), '[]') from ${relation}_domains where tenant_id = tenant.id),
  'fields', fields, 'settings', settings, 'version', version,
  'createdAt', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'updatedAt', to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text`;

function recordOf(row: Record<string, unknown>): TenantRecord {
  return JSON.parse(row["record"] as string) as TenantRecord;
}
