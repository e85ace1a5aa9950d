import { inspect } from "node:util";
import { createPartywall } from "partywall";
import { postgresInvalidation, postgresStore, type TenantStore } from "partywall/registry";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { codeOf, rejectionOf } from "../scope/instance.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase, urlAs, withClient, type TestDatabase } from "../support/postgres.js";
import { record } from "./record.js";

it("a driver that shows its address in an error is not repeated", async () => {
  const connectionString = "postgres://registry:hunter%262@db.internal:5432/app";
  const message = `cannot reach ${connectionString} as registry:hunter%262 (hunter&2), postgresql://x:y@db.internal`;
  class Pool {
    async query(): Promise<never> {
      throw Object.assign(new Error(message), {
        code: "ECONNREFUSED",
        config: { connectionString },
      });
    }
    on(): void {}
    async end(): Promise<void> {}
  }
  const store = postgresStore({ Pool, Client: pg.Client }, { connectionString, password: "y" });
  const error = (await rejectionOf(() => store.find({ id: "acme" }))) as Error;
  expect(error.cause).toMatchObject({ code: "ECONNREFUSED" });
  const shown = inspect(error, { depth: 10, showHidden: true });
  for (const secret of ["hunter", "db.internal", "registry:"]) expect(shown).not.toContain(secret);
});

describeEngine("postgres", "the registry in PostgreSQL", () => {
  let database: TestDatabase;
  const closers: (() => Promise<unknown>)[] = [];
  let tables = 0;

  beforeAll(async () => {
    database = await testDatabase();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const close of closers.splice(0).toReversed()) await close();
  });
  afterAll(() => database.drop());

  /** A table of its own for each test. */
  const fresh = (): { connectionString: string; table: string; channel: string } => {
    tables += 1;
    return {
      connectionString: database.url,
      table: `tenants_${tables}`,
      channel: `registry_${tables}`,
    };
  };
  function open(options = fresh()): TenantStore {
    const { channel, ...rest } = options;
    const store = postgresStore(pg, { ...rest, channel });
    closers.push(() => store.close!());
    return store;
  }
  function instance(realm: string, options = fresh()) {
    const { table: _, ...listen } = options;
    const pw = createPartywall({
      realm,
      store: postgresStore(pg, options),
      invalidation: postgresInvalidation(pg, listen),
    });
    closers.push(() => pw.close());
    return pw;
  }
  const sql = (text: string, values: unknown[] = []) =>
    withClient(
      database.url,
      async (client) => (await client.query(text, values)).rows as Record<string, unknown>[],
    );

  it("is not disturbed by type parsers that the application sets", async () => {
    const store = open();
    await store.insert(record());
    const parsers = [20, 23, 114, 1114, 1184, 3802].map(
      (oid) => [oid, pg.types.getTypeParser(oid)] as const,
    );
    for (const [oid] of parsers) pg.types.setTypeParser(oid, () => "spoilt");
    try {
      expect(await store.find({ id: "acme" })).toEqual(record());
    } finally {
      for (const [oid, parser] of parsers)
        pg.types.setTypeParser(oid, parser as (value: string) => unknown);
    }
  });

  it("is created once however many processes start together, and nobody else may read it", async () => {
    const options = fresh();
    const stores = Array.from({ length: 6 }, () => open(options));
    await Promise.all(stores.map((store) => store.init!()));
    await Promise.all(stores.map((store) => store.init!()));
    const [grants] = await sql(
      `select count(*)::int as others from information_schema.role_table_grants
       where table_name = $1 and grantee <> current_user`,
      [options.table],
    );
    expect(grants).toEqual({ others: 0 });
  });

  it("is used by a login that may not create anything, once it exists", async () => {
    const options = fresh();
    const role = `${database.name}_reader`;
    await open(options).init!();
    await sql(`create role ${role} login password 'reader'`);
    await sql(`grant usage on schema partywall to ${role}`);
    await sql(`grant select, insert, update on partywall.${options.table} to ${role}`);
    try {
      const store = postgresStore(pg, {
        ...options,
        connectionString: urlAs(database.url, { user: role, password: "reader" }),
      });
      await store.init!();
      expect(await store.insert(record())).toBe("inserted");
      await store.close!();
    } finally {
      await sql(`drop owned by ${role}`);
      await sql(`drop role ${role}`);
    }
  });

  it("opens nothing before its first use", async () => {
    const pools = vi.fn<() => void>();
    class Pool extends pg.Pool {
      constructor(config?: pg.PoolConfig) {
        super(config);
        pools();
      }
    }
    const options = fresh();
    const module = { Pool, Client: pg.Client };
    const pw = createPartywall({
      realm: "lazy",
      store: postgresStore(module, options),
      invalidation: postgresInvalidation(module, { connectionString: database.url }),
    });
    closers.push(() => pw.close());
    expect(pools).not.toHaveBeenCalled();
    await codeOf(() => pw.run("acme", () => undefined));
    expect(pools).toHaveBeenCalledOnce();
  });

  it("may be configured late, but not wrongly", async () => {
    const late = postgresStore(pg, { connectionString: undefined });
    expect(await codeOf(() => late.find({ id: "acme" }))).toBe("PW_CONFIG");
    expect(
      await codeOf(() =>
        postgresInvalidation(pg, {}).start(
          () => {},
          () => {},
        ),
      ),
    ).toBe("PW_CONFIG");
    for (const wrong of [{ schema: "a.b" }, { table: 'x"; drop' }, { channel: "UPPER" }]) {
      expect(await codeOf(() => postgresStore(pg, wrong))).toBe("PW_CONFIG");
    }
  });

  it("that cannot be reached is unavailable, and no error shows its address or password", async () => {
    const secretive = [
      urlAs(database.url, { user: "nobody_here", password: "hunter2 &?" }).replace(/:\d+\//, ":1/"),
      urlAs(database.url, { user: "nobody_here", password: "hunter2" }),
      "postgres://nobody_here:hunter2@[not a host/x",
    ];
    for (const connectionString of secretive) {
      const store = postgresStore(pg, { connectionString });
      const error = await rejectionOf(() => store.find({ id: "acme" }));
      expect(error).toMatchObject({ code: "PW_REGISTRY_UNAVAILABLE" });
      const shown = inspect(error, { depth: 10, showHidden: true });
      expect(shown).not.toContain("hunter2");
      expect(shown).not.toContain("postgres://");
      await store.close!();
    }
  });

  it("works again after its connections were ended", async () => {
    const store = open();
    await store.insert(record());
    await endBackends("insert|select");
    await vi.waitFor(async () => expect(await store.find({ id: "acme" })).toEqual(record()), {
      timeout: 10_000,
    });
  });

  it("tells the other processes' caches of every change", async () => {
    const options = fresh();
    const [here, there] = [instance("here", options), instance("there", options)];
    await Promise.all([here.ready(), there.ready()]);
    await here.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    expect(await there.run("acme", () => there.current().name)).toBe("Acme");
    await here.tenants.update("acme", { name: "Acme Ltd" });
    await expect.poll(() => there.run("acme", () => there.current().name)).toBe("Acme Ltd");
    await here.tenants.suspend("acme");
    await expect
      .poll(() => codeOf(() => there.run("acme", () => undefined)))
      .toBe("PW_TENANT_SUSPENDED");
  });

  it("a change made while nobody could listen is seen when the connection is back", async () => {
    const options = fresh();
    const [here, there] = [instance("here", options), instance("there", options)];
    await Promise.all([here.ready(), there.ready()]);
    await here.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    await there.run("acme", () => undefined);
    await endBackends("listen");
    // Without a notification: only the gap can tell.
    await sql(`update partywall.${options.table} set status = 'suspended', version = version + 1`);
    await vi.waitFor(
      async () =>
        expect(await codeOf(() => there.run("acme", () => undefined))).toBe("PW_TENANT_SUSPENDED"),
      { timeout: 10_000 },
    );
    // And it listens again: this change is announced.
    await vi.waitFor(
      async () => {
        const listening = await sql(
          "select count(*)::int as n from pg_stat_activity where datname = current_database() and query ilike 'listen %'",
        );
        expect(listening).toEqual([{ n: 2 }]);
      },
      { timeout: 10_000 },
    );
    await here.tenants.restore("acme");
    await expect.poll(() => codeOf(() => there.run("acme", () => undefined))).toBeUndefined();
  });

  it("cannot be misled by a notification that a tenant sends", async () => {
    const options = fresh();
    const pw = instance("misled", options);
    await pw.ready();
    await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    await pw.tenants.create({ id: "globex", slug: "globex", name: "Globex" });
    await pw.tenants.suspend("globex");
    for (const payload of [
      "acme",
      "globex",
      "",
      "\n",
      "a".repeat(7000),
      '{"id":"globex","status":"active"}',
    ]) {
      await sql(`select pg_notify($1, $2)`, [options.channel, payload]);
    }
    await sql(`select pg_notify($1, 'acme' || n) from generate_series(1, 20000) n`, [
      options.channel,
    ]);
    expect(await codeOf(() => pw.run("globex", () => undefined))).toBe("PW_TENANT_SUSPENDED");
    expect(await pw.run("acme", () => pw.current().id)).toBe("acme");
  });

  it("an invalidation that cannot listen says so, keeps trying, and stops when told", async () => {
    const invalidation = postgresInvalidation(pg, {
      connectionString: urlAs(database.url, { user: "nobody_here", password: "hunter2" }),
    });
    const gap = vi.fn<() => void>();
    expect(await codeOf(() => invalidation.start(() => {}, gap))).toBe("PW_REGISTRY_UNAVAILABLE");
    await vi.waitFor(() => expect(gap.mock.calls.length).toBeGreaterThan(1), { timeout: 10_000 });
    await invalidation.stop();
    const calls = gap.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(gap).toHaveBeenCalledTimes(calls);
  });

  async function endBackends(lastQuery: string): Promise<void> {
    const ended = await sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and query ~* $1`,
      [`^\\s*(with|${lastQuery})`],
    );
    expect(ended.length).toBeGreaterThan(0);
  }
});
