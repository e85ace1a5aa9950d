import pg from "pg";
import { Kysely, PostgresDialect } from "kysely";
import {
  MikroORM,
  PostgreSqlDriver,
  UniqueConstraintViolationException,
  type EntityManager,
  type Options,
} from "@mikro-orm/postgresql";
import { PartywallError } from "partywall";
import { guardMikroOrm } from "partywall/adapters/mikro-orm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { STRATEGIES } from "../../../src/testing/conformance/world.js";
import { describeEngine } from "../../support/engine.js";
import { Author, entities, mikroOrm, Tag } from "./orm.js";
import { buildSite, type Site } from "./site.js";

/** A cache adapter of the application's own. */
class OwnCache {
  static readonly kept = new Map<string, unknown>();
  get = (name: string) => OwnCache.kept.get(name);
  set = (name: string, data: unknown) => void OwnCache.kept.set(name, data);
  remove = (name: string) => void OwnCache.kept.delete(name);
  clear = () => OwnCache.kept.clear();
}

const names = async (em: EntityManager, cache?: unknown) => {
  const options = { orderBy: { id: "asc" }, cache } as const;
  return (await em.fork().find(Author, {}, options as object)).map(({ name }) => name);
};

describeEngine("postgres", "MikroORM over the guard", () => {
  let site: Site;
  let orm: MikroORM;
  const plain: { end(): Promise<unknown> }[] = [];
  beforeAll(async () => {
    site = await buildSite();
    orm = site.guarded();
  }, 120_000);
  afterAll(async () => {
    for (const one of plain) await one.end();
    await site.close();
  }, 120_000);
  beforeEach(async () => {
    await site.renew();
  });

  const authorsOf = ({ mark }: Site["ada"]) => [1, 2, 3].map((n) => `${mark} author ${n}`);

  for (const [title, options, cache] of [
    ["in memory, by the query", {}, 60_000],
    ["in memory, by a name", {}, ["authors", 60_000]],
    ["everywhere", { resultCache: { global: 60_000 } }, undefined],
    ["in an adapter of the application's", { resultCache: { adapter: OwnCache } }, ["own", 60_000]],
  ] as const) {
    test(`a result cached ${title} is its tenant's alone`, async () => {
      const { ada, bob, as } = site;
      const { em } = site.guarded(options as Partial<Options>);
      for (const side of [ada, bob]) {
        expect(await as(side, () => names(em, cache))).toEqual(authorsOf(side));
        // Cached: what changed since is not seen.
        await side.eye("update authors set name = 'changed' where id = 1");
        expect(await as(side, () => names(em, cache))).toEqual(authorsOf(side));
      }
      await expect(names(em, cache)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
      if (!Array.isArray(cache)) return;
      await as(ada, () => em.fork().clearCache(cache[0] as string));
      expect((await as(ada, () => names(em, cache)))[0]).toBe("changed");
      expect(await as(bob, () => names(em, cache))).toEqual(authorsOf(bob));
    });
  }

  test("an error of the wall is Partywall's own, and every other one MikroORM's", async () => {
    const { ada, bob, as } = site;
    const error = await as(ada, () =>
      orm.em.fork().insert(Tag, { label: "stolen", tenantId: bob.tenant.id }),
    ).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(PartywallError);
    expect(error).toMatchObject({ code: "PW_WRITE_MISMATCH" });
    await as(ada, () => orm.em.fork().insert(Tag, { label: "once" }));
    await expect(
      as(ada, () => orm.em.fork().insert(Tag, { label: "once" })),
    ).rejects.toBeInstanceOf(UniqueConstraintViolationException);
    await expect(orm.em.getConnection().executeDump("select 1 as one")).rejects.toMatchObject({
      code: "PW_NO_SCOPE",
    });
    expect(await bob.rows("tags")).toEqual([]);
  });

  test("values are read by MikroORM's own parsers, wherever the tenant lives", async () => {
    const { world, guard, pw, as } = site;
    const text =
      "select date '2024-02-29' as d, timestamptz '2024-02-29 12:00+00' as t, array[1, 2] as a, interval '1 day' as i, 9007199254740993::bigint as b";
    const stock = mikroOrm({ clientUrl: world.url("superuser") });
    try {
      const wanted = await stock.em.execute(text);
      for (const strategy of STRATEGIES) {
        const [side] = await world.fresh({ guard, pw }, strategy);
        expect(await as(side, () => orm.em.execute(text)), strategy).toEqual(wanted);
        const pool = await orm.driver.getConnection().getNativeClient();
        const { rows } = await as(side, () => pool.query(text));
        expect(rows, strategy).toEqual(wanted);
      }
    } finally {
      await stock.close();
    }
  });

  test("what MikroORM is configured to log in with is not used, by replicas neither", async () => {
    const { world, guard, pw, as } = site;
    const { hostname, port, username, password } = new URL(world.url("superuser"));
    const replica = { host: hostname, port: Number(port), user: username, password };
    const { em } = site.guarded({
      clientUrl: world.url("superuser"),
      replicas: [replica, { clientUrl: world.url("superuser") }],
    });
    for (const strategy of STRATEGIES) {
      const [ada] = await world.fresh({ guard, pw }, strategy);
      for (const connectionType of ["read", "write", "read", "read"] as const) {
        const answer = await as(ada, () =>
          em.execute("select current_user as login, (select count(*)::int from authors) as n", [], {
            connectionType,
          } as never),
        );
        expect(answer).toEqual([{ login: world.roles.app, n: 3 }]);
      }
      expect(await as(ada, () => names(em))).toEqual(authorsOf(ada));
    }
  });

  test("it is still guarded when it has connected again", async () => {
    const { ada, as } = site;
    const again = site.guarded();
    expect(await as(ada, () => names(again.em))).toEqual(authorsOf(ada));
    await again.reconnect();
    expect(await as(ada, () => names(again.em))).toEqual(authorsOf(ada));
    await expect(names(again.em)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
  });

  test("a system scope sees all rows, by the system login", async () => {
    const { world, guard, pw } = site;
    await world.fresh({ guard, pw }, "row");
    const seen = await pw.system({ reason: "report" }, async () => [
      (await names(orm.em)).length,
      await orm.em.execute("select current_user as login"),
    ]);
    expect(seen).toEqual([6, [{ login: world.roles.system }]]);
  });

  test("a session context of the application's is set within the tenant's transaction and not beyond", async () => {
    const { ada, bob, as } = site;
    const ask = "select current_setting('shop.user', true) as who";
    const who = await as(ada, async () => {
      const em = orm.em.fork({ session: { variables: { "shop.user": "ann" } } });
      expect(await names(em)).toEqual(authorsOf(ada));
      return em.transactional((tx) => tx.execute(ask));
    });
    expect(who).toEqual([{ who: "ann" }]);
    for (const side of [ada, bob]) {
      const [left] = (await as(side, () => orm.em.execute(ask))) as { who: string | null }[];
      expect(left?.who ?? "").toBe("");
    }
  });

  test("a transaction that was refused keeps no connection", async () => {
    const { ada, as } = site;
    for (let n = 0; n < 10; n += 1) {
      const em = orm.em.fork();
      await expect(em.transactional((tx) => tx.find(Author, {}))).rejects.toMatchObject({
        code: "PW_NO_SCOPE",
      });
    }
    expect(await as(ada, () => names(orm.em))).toEqual(authorsOf(ada));
  });

  test("a statement that is aborted is not cancelled past the guard", async () => {
    const { ada, as, world } = site;
    const abort = new AbortController();
    const asked = as(ada, () => {
      const em = orm.em.fork({
        signal: abort.signal,
        inflightQueryAbortStrategy: "cancel query",
      });
      return em.execute("select pg_sleep(1)");
    });
    setTimeout(() => abort.abort(), 100);
    await expect(asked).rejects.toThrow(/abort/i);
    const { rows } = await pgQuery(
      world.url("superuser"),
      "select count(*)::int as n from pg_stat_activity where query like '%pg_cancel_backend%' and query not like '%pg_stat_activity%'",
    );
    expect(rows).toEqual([{ n: 0 }]);
    expect(await as(ada, () => names(orm.em))).toEqual(authorsOf(ada));
  });

  test("an ORM with connections of its own is refused", async () => {
    const { guard, world, ada, as } = site;
    const bypassed = expect.objectContaining({ code: "PW_GUARD_BYPASSED" });
    const pool = new pg.Pool({ connectionString: world.url("app") });
    plain.push(pool);
    const dialect = new PostgresDialect({ pool });
    for (const driverOptions of [dialect, new Kysely({ dialect }), () => dialect] as never[]) {
      expect(() => mikroOrm(guardMikroOrm(guard, { driverOptions }))).toThrow(bypassed);
      const replicas = [{ driverOptions, host: "127.0.0.1" }];
      expect(() => mikroOrm(guardMikroOrm(guard, { replicas }))).toThrow(bypassed);
    }
    const lost = mikroOrm({
      ...guardMikroOrm(guard, { clientUrl: world.url("superuser") }),
      extensions: [],
    });
    for (const attempt of [() => names(lost.em), () => lost.em.execute("select 1")]) {
      // MikroORM's own error, since nothing unwraps it, with our code.
      await expect(as(ada, attempt as () => Promise<unknown>)).rejects.toEqual(bypassed);
    }
    await lost.close();
  });

  test("an ORM that sets sessions, is for another database or has another guard is refused", async () => {
    const { guard, world, ada, as } = site;
    const config = expect.objectContaining({ code: "PW_CONFIG" });
    class Foreign extends PostgreSqlDriver {
      constructor(of: ConstructorParameters<typeof PostgreSqlDriver>[0]) {
        super(of);
        Object.assign(this.connection, { createKyselyDialect: undefined });
      }
    }
    const other = world.instance().guard;
    for (const options of [
      guardMikroOrm(guard, { sessionContext: "connection" } as const),
      guardMikroOrm(guard, { driver: Foreign }),
      guardMikroOrm(other, guardMikroOrm(guard, {})),
    ]) {
      expect(() => mikroOrm(options as Partial<Options>)).toThrow(config);
    }
    const twice = guardMikroOrm(guard, guardMikroOrm(guard, {}));
    const orms = [mikroOrm(twice), await MikroORM.init({ ...twice, entities, dbName: "unused" })];
    for (const one of orms) {
      await guard.assertWired((text) => one.em.execute(text));
      expect(await as(ada, () => names(one.em))).toEqual(authorsOf(ada));
      await one.close();
    }
  });

  test("a hook of the application's for pools is called, with one that lends the guard's connections", async () => {
    const { ada, as, world } = site;
    const pools: pg.Pool[] = [];
    const hooked = site.guarded({
      driverOptions: { onPoolCreated: (pool: pg.Pool) => void pools.push(pool) },
    });
    expect(await as(ada, () => names(hooked.em))).toEqual(authorsOf(ada));
    const { rows } = await as(ada, () => pools[0]!.query("select current_user as login"));
    expect(rows).toEqual([{ login: world.roles.app }]);
  });
});

async function pgQuery(connectionString: string, text: string) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}
