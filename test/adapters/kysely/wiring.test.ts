import { Kysely, PostgresDialect, sql, type PostgresPool } from "kysely";
import { PartywallError } from "partywall";
import pg from "pg";
import Cursor from "pg-cursor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWorld, type World } from "../../guards/postgres/world.js";
import { describeEngine } from "../../support/engine.js";

interface Database {
  customers: { tenant_id?: string; id: number; email: string };
  orders: { id: number; note: string | null };
}

const kyselyOver = (pool: PostgresPool | (() => Promise<PostgresPool>), withCursor = true) =>
  new Kysely<Database>({
    dialect: new PostgresDialect({ pool, ...(withCursor && { cursor: Cursor }) }),
  });

describeEngine("postgres", "Kysely's wiring", () => {
  let world: World;
  const over = () => kyselyOver(world.guard.pool);
  const asA = <T>(fn: () => Promise<T>) => world.pw.run(world.a.id, fn);
  beforeAll(async () => {
    world = await buildWorld();
  });
  afterAll(() => world.close());

  test("over the guard's pool, made early or late, it is proved", async () => {
    const { guard } = world;
    for (const db of [over(), kyselyOver(async () => guard.pool)]) {
      await guard.assertWired((text) => sql.raw(text).execute(db));
      const rows = await asA(() => db.selectFrom("orders").select("note").orderBy("id").execute());
      expect(rows).toEqual([{ note: "a1" }, { note: "a2" }, { note: "a3" }]);
    }
  });

  test("over another pool, made early or late, it is refused", async () => {
    const { guard, appUrl } = world;
    const made = () => {
      const pool = new pg.Pool({ connectionString: appUrl });
      pool.on("error", () => undefined);
      return pool;
    };
    for (const db of [kyselyOver(made()), kyselyOver(async () => made())]) {
      await expect(guard.assertWired((text) => sql.raw(text).execute(db))).rejects.toMatchObject({
        code: "PW_GUARD_BYPASSED",
      });
      await db.destroy();
    }
  });

  test("the guard's errors are the caller's own, in transactions and streams too", async () => {
    const db = over();
    const stolen = { id: 9, email: "secret@example.com", tenant_id: world.b.id };
    const insert = (one: Pick<typeof db, "insertInto">) =>
      one.insertInto("customers").values(stolen).execute();
    for (const go of [() => insert(db), () => db.transaction().execute(insert)]) {
      const error = await asA(() => go().catch((told: unknown) => told));
      expect(error).toBeInstanceOf(PartywallError);
      expect(error).toMatchObject({ code: "PW_WRITE_MISMATCH", cause: { code: "42501" } });
      expect((error as Error).stack).not.toContain("secret@example.com");
    }
    const read = async () => {
      for await (const row of db.selectFrom("orders").selectAll().stream()) return row;
      return undefined;
    };
    await expect(read()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    await expect(world.pw.central(read)).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
    expect(await world.rows("customers", world.b)).toHaveLength(3);
  });

  test("a transaction that cannot begin gives its connection back", async () => {
    const { guard, appUrl } = world;
    const pool = new guard.Pool({ connectionString: appUrl, max: 2 });
    pool.on("error", () => undefined);
    const db = kyselyOver(pool);
    for (let n = 0; n < 5; n += 1) {
      const ways = [
        () => db.transaction().execute((tx) => tx.selectFrom("orders").selectAll().execute()),
        () => db.startTransaction().execute(),
      ];
      for (const begin of ways)
        await expect(begin()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    }
    expect(pool.totalCount - pool.idleCount).toBe(0);
    await db.destroy();
  });

  test("a controlled transaction keeps to its tenant, with savepoints", async () => {
    const db = over();
    await asA(async () => {
      const tx = await db.startTransaction().execute();
      const saved = await tx.savepoint("before").execute();
      await saved.insertInto("orders").values({ id: 8, note: "a8" }).execute();
      const back = await saved.rollbackToSavepoint("before").execute();
      const rows = await back.selectFrom("orders").select("note").orderBy("id").execute();
      expect(rows.map(({ note }) => note)).toEqual(["a1", "a2", "a3"]);
      await tx.commit().execute();
    });
    expect(await world.rows("orders", world.a)).toHaveLength(3);
  });

  test("a stream without a cursor is refused by Kysely", async () => {
    const db = kyselyOver(world.guard.pool, false);
    const read = async () => {
      for await (const row of db.selectFrom("orders").selectAll().stream()) return row;
      return undefined;
    };
    await expect(asA(read)).rejects.toThrow("cursor");
  });
});
