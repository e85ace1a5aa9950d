import pg from "pg";
import type * as core from "partywall";
import type * as postgres from "partywall/guards/postgres";
import { tenantIds, type ShopSize, type Wanted } from "./rows.js";

/** Who reads, and how. */
export interface ContenderSpec {
  readonly name: string;
  readonly way: "where" | "guard" | "setting";
  readonly url: string;
  readonly systemUrl?: string;
  /** Whether statements stay prepared on their connections. */
  readonly prepared?: boolean;
}

type Row = Record<string, unknown>;

/** Ways to read a tenant's rows over one pool. */
export interface Reader {
  /** One statement, as a request with one query sends it. */
  lone(wanted: Wanted): Promise<Row[]>;
  /** A transaction that reads one row after the other. */
  transaction(tenant: string, ids: readonly number[]): Promise<Row[][]>;
  /** Closes its connections. */
  end(): Promise<void>;
}

/** Opens a reader whose connections go to `url`. */
export type OpenReader = (url: string) => Reader;

const POOL_SIZE = 16;
const WITH_TENANT = "select * from items where tenant_id = $1 and id = $2";
const WITHOUT_TENANT = "select * from items where id = $1";
const SET = "select set_config('bench.tenant', $1, true)";

async function inTransaction<T>(pool: pg.Pool, fn: (client: pg.PoolClient) => Promise<T>) {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await fn(client);
    await client.query("commit");
    return result;
  } finally {
    client.release();
  }
}

async function readAll(ids: readonly number[], read: (id: number) => Promise<pg.QueryResult<Row>>) {
  const all: Row[][] = [];
  for (const id of ids) all.push((await read(id)).rows);
  return all;
}

const byId = (client: pg.PoolClient, id: number) => client.query<Row>(WITHOUT_TENANT, [id]);

/** `pg` by itself; the developer never forgets the WHERE. */
const openWhere =
  (spec: ContenderSpec): OpenReader =>
  (url) => {
    const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
    const query = spec.prepared ? { name: "by-id", text: WITH_TENANT } : WITH_TENANT;
    return {
      lone: async ({ tenant, id }) => (await pool.query<Row>(query, [tenant, id])).rows,
      transaction: (tenant, ids) =>
        inTransaction(pool, (client) =>
          readAll(ids, (id) => client.query<Row>(query, [tenant, id])),
        ),
      end: () => pool.end(),
    };
  };

/** What one writes by hand for row security on a setting: a transaction around everything, and no seal. */
function openSetting(url: string): Reader {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const within = <T>(tenant: string, fn: (client: pg.PoolClient) => Promise<T>) =>
    inTransaction(pool, async (client) => {
      await client.query(SET, [tenant]);
      return fn(client);
    });
  return {
    lone: async ({ tenant, id }) => (await within(tenant, (client) => byId(client, id))).rows,
    transaction: (tenant, ids) =>
      within(tenant, (client) => readAll(ids, (id) => byId(client, id))),
    end: () => pool.end(),
  };
}

/** The guard, its scope entered anew for each piece of work, as for each request. */
async function prepareGuard(
  spec: ContenderSpec,
  size: ShopSize,
  folder: string,
): Promise<OpenReader> {
  const { createPartywall } = (await import(`${folder}/index.js`)) as typeof core;
  const { guardPg } = (await import(`${folder}/guards/postgres/index.js`)) as typeof postgres;
  const guard = guardPg(pg, {
    app: spec.url,
    system: spec.systemUrl,
    preparedStatements: spec.prepared === true,
  });
  const pw = createPartywall({
    realm: "bench",
    secret: "a secret of the benchmarks, 32 characters or more",
    postgres: guard,
  });
  for (const id of tenantIds(size)) await pw.tenants.create({ id, slug: `t-${id}`, name: id });
  return (url) => {
    const pool = new guard.Pool({ connectionString: url, max: POOL_SIZE });
    return {
      lone: async ({ tenant, id }) =>
        (await pw.run(tenant, () => pool.query<Row>(WITHOUT_TENANT, [id]))).rows,
      transaction: (tenant, ids) =>
        pw.run(tenant, () =>
          inTransaction(pool, (client) => readAll(ids, (id) => byId(client, id))),
        ),
      end: () => pool.end(),
    };
  };
}

/** Prepares a contender; `folder` holds the compiled package. */
export async function prepareContender(
  spec: ContenderSpec,
  size: ShopSize,
  folder: string,
): Promise<OpenReader> {
  if (spec.way === "guard") return prepareGuard(spec, size, folder);
  return spec.way === "where" ? openWhere(spec) : openSetting;
}

/** Proves that a reader reads what it is asked for and nothing else: a fast wrong answer is no result. */
export async function proveReader(reader: Reader, wanted: readonly Wanted[]): Promise<void> {
  const right = (rows: readonly Row[] | undefined, { tenant, id }: Wanted) =>
    rows?.length === 1 && rows[0]?.["tenant_id"] === tenant && rows[0]["id"] === id;
  for (const one of wanted) {
    const [rows] = await reader.transaction(one.tenant, [one.id]);
    if (right(await reader.lone(one), one) && right(rows, one)) continue;
    throw new Error(`Row ${one.id} of tenant ${one.tenant} was not what came back.`);
  }
}
