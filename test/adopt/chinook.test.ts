import pg from "pg";
import { planAdoption, runAdoption } from "partywall/adopt";
import { createPartywall } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditDatabase } from "../../src/guards/postgres/audit/audit.js";
import { describeData } from "../support/data.js";
import { testDatabase, urlAs, type TestDatabase } from "../support/postgres.js";
import { dropRoles } from "../support/roles.js";
import { QUERIES, WRITES } from "../guards/postgres/chinook-queries.js";
import { script, TABLES } from "../guards/postgres/chinook.js";

const FIRST = "11111111-1111-4111-8111-111111111111";
const SECOND = "22222222-2222-4222-8222-222222222222";
const SHARED = ["genre", "media_type"];

describeData("chinook", "postgres", "Chinook, adopted as it is", () => {
  let original: { readonly database: TestDatabase; readonly client: pg.Client };
  // What a shop without rows of its own has: the shared ones.
  let emptied: { readonly database: TestDatabase; readonly client: pg.Client };
  let adopted: { readonly database: TestDatabase; readonly client: pg.Client };
  let pw: ReturnType<typeof createPartywall>;
  let pool: pg.Pool;

  const load = async () => {
    const database = await testDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(script().whole);
    return { database, client };
  };
  const inFirst = <T>(fn: () => Promise<T>) => pw.run(FIRST, fn);
  const inSecond = <T>(fn: () => Promise<T>) => pw.run(SECOND, fn);
  const rowsOf = async (asked: pg.Client | pg.Pool, { text, values }: (typeof QUERIES)[number]) =>
    (await asked.query(text, values && [...values])).rows as unknown[];

  beforeAll(async () => {
    [original, adopted, emptied] = [await load(), await load(), await load()];
    const own = TABLES.filter((table) => !SHARED.includes(table));
    await emptied.client.query(`truncate ${own.join(", ")}`);
    const { name, url } = adopted.database;
    const roles = { app: `${name}_app`, system: `${name}_system`, owner: `${name}_owner` };
    for (const role of [roles.app, roles.system]) {
      await adopted.client.query(`create role ${role} login password 'secret'`);
    }
    const plan = await planAdoption(adopted.client, {
      roles,
      tenant: FIRST,
      tables: Object.fromEntries(SHARED.map((table) => [table, "shared"])),
    });
    // Refuses a plan with obstacles, so that nothing here can have been answered by hand.
    await runAdoption(adopted.client, plan);
    const login = (user: string) => urlAs(url, { user, password: "secret" });
    const guard = guardPg(pg, { app: login(roles.app), system: login(roles.system) });
    pool = guard.pool;
    pw = createPartywall({
      realm: name,
      secret: "a secret of the tests, 32 characters or more",
      postgres: guard,
    });
    await pw.ready();
    await pw.tenants.create({ id: FIRST, slug: "first", name: "First" });
    await pw.tenants.create({ id: SECOND, slug: "second", name: "Second" });
  }, 120_000);
  afterAll(async () => {
    await pw.close();
    for (const { client, database } of [original, adopted, emptied]) {
      await client.end();
      await database.drop();
    }
    await dropRoles(adopted.database);
  });

  test.each(QUERIES)(
    "the former answer under the first tenant, nothing under another: $name",
    async (query) => {
      expect(await inFirst(() => rowsOf(pool, query))).toEqual(
        await rowsOf(original.client, query),
      );
      expect(await inSecond(() => rowsOf(pool, query))).toEqual(
        await rowsOf(emptied.client, query),
      );
    },
  );

  test("the audit finds nothing in an adopted database", async () => {
    const { name } = adopted.database;
    const subject = { login: `${name}_app`, system: `${name}_system`, tenantColumn: "tenant_id" };
    expect(await auditDatabase(adopted.client, subject)).toEqual([]);
  });

  test("a second shop takes the same ids, and the first is not changed by it", async () => {
    const before = await inFirst(() => rowsOf(pool, QUERIES[0]!));
    for (const table of TABLES.filter((name) => !SHARED.includes(name))) {
      const { rows } = await original.client.query(`select * from ${table}`);
      const json = JSON.stringify(rows);
      const { rows: columns } = await original.client.query<{ name: string }>(
        `select column_name as name from information_schema.columns where table_name = $1 order by ordinal_position`,
        [table],
      );
      const names = columns.map(({ name }) => name).join(", ");
      const self = table === "employee" ? " order by employee_id" : "";
      await inSecond(() =>
        pool.query(
          `insert into ${table} (${names}) select ${names} from json_populate_recordset(null::${table}, $1)${self}`,
          [json],
        ),
      );
    }
    for (const query of QUERIES) {
      const answer = await rowsOf(original.client, query);
      expect(await inSecond(() => rowsOf(pool, query)), query.name).toEqual(answer);
      expect(await inFirst(() => rowsOf(pool, query)), query.name).toEqual(answer);
    }
    expect(await inFirst(() => rowsOf(pool, QUERIES[0]!))).toEqual(before);
  });

  test("writes of one shop change it as they would have changed the original, and not the other", async () => {
    const total = async (client: pg.Client, tenant?: string) => {
      const counts: unknown[] = [];
      for (const table of TABLES) {
        const where =
          tenant === undefined || SHARED.includes(table) ? "" : `where tenant_id = '${tenant}'`;
        counts.push((await client.query(`select count(*)::int as n from ${table} ${where}`)).rows);
      }
      return counts;
    };
    const others = await total(adopted.client, FIRST);
    await inSecond(async () => {
      const client = await pool.connect();
      try {
        await client.query("begin");
        await original.client.query("begin");
        for (const { text, values } of WRITES) {
          const here = await client.query(text, values && [...values]);
          const there = await original.client.query(text, values && [...values]);
          expect([here.rowCount, here.rows], text).toEqual([there.rowCount, there.rows]);
        }
        await client.query("commit");
        await original.client.query("commit");
      } finally {
        client.release();
      }
    });
    expect(await total(adopted.client, SECOND)).toEqual(await total(original.client));
    expect(await total(adopted.client, FIRST)).toEqual(others);
  });

  test("no key, reference or index is left that speaks of all shops", async () => {
    const { rows } = await adopted.client.query(
      `select conrelid::regclass::text as on, conname, pg_get_constraintdef(oid) as definition from pg_constraint
       where contype in ('p', 'u', 'f') and conrelid::regclass::text <> all ($1) and connamespace = 'public'::regnamespace
         and not (confrelid <> 0 and confrelid::regclass::text = any ($1))
         and pg_get_constraintdef(oid) !~ '^(PRIMARY KEY|UNIQUE|FOREIGN KEY) \\(tenant_id'`,
      [SHARED],
    );
    expect(rows).toEqual([]);
  });
});
