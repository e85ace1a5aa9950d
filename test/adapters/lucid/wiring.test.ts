import pg from "pg";
import type { Database } from "@adonisjs/lucid/database";
import type { ConnectionConfig } from "@adonisjs/lucid/types/database";
import { PartywallError } from "partywall";
import { guardLucid, type GuardLucidOptions } from "partywall/adapters/lucid";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  STRATEGIES,
  World,
  type Instance,
  type Side,
} from "../../../src/testing/conformance/world.js";
import { describeEngine, engineUrl } from "../../support/engine.js";
import { describeNode } from "../../support/node-version.js";
import { lucidDatabase, modelsOf } from "./orm.js";

describeNode(24, "Lucid", () => {
  describeEngine("postgres", "Lucid over the guard", () => {
    let world: World;
    let instance: Instance;
    let ada: Side;
    let bob: Side;
    const databases: Database[] = [];
    beforeAll(async () => {
      world = new World(pg, engineUrl("postgres"));
      await world.build();
      instance = world.instance();
    }, 120_000);
    afterAll(async () => {
      for (const db of databases) await db.manager.closeAll();
      await world.close();
    }, 120_000);
    beforeEach(async () => {
      [ada, bob] = await world.fresh(instance, "schema");
    });

    // Under a login that no wall holds: what it reads past the guard, it reads of everybody.
    const connection = (more: object = {}) =>
      ({ client: "pg", connection: world.url("superuser"), ...more }) as ConnectionConfig;
    const made = async (connections: Record<string, ConnectionConfig>) => {
      const { db } = await lucidDatabase(connections);
      databases.push(db);
      return db;
    };
    const guarded = async (
      connections: Record<string, ConnectionConfig> = { pg: connection() },
      options?: GuardLucidOptions,
    ) => guardLucid(instance.guard, await made(connections), options);
    const as = <T>({ tenant }: Side, fn: () => T) => instance.pw.run(tenant.id, fn);
    const read = async (db: Database, name = "pg", mode?: "read" | "write") => {
      const rows = (await db
        .connection(name, mode && { mode })
        .from("authors")
        .select("name")
        .orderBy("id")) as { name: string }[];
      return rows.map((row) => row.name);
    };
    const authorsOf = ({ mark }: Side) => [1, 2, 3].map((n) => `${mark} author ${n}`);
    const loginOf = async (db: Database, mode: "read" | "write" = "write") => {
      const { rows } = (await db
        .connection(undefined, { mode })
        .rawQuery("select current_user as login")) as { rows: { login: string }[] };
      return rows[0]?.login;
    };
    const code = (name: string) => expect.objectContaining({ code: name });

    async function keepsApart(db: Database, name = "pg", mode?: "read" | "write") {
      for (const side of [ada, bob]) {
        expect(await as(side, () => read(db, name, mode))).toEqual(authorsOf(side));
      }
      await expect(read(db, name, mode)).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
    }

    test("what Lucid is configured to log in with is not used", async () => {
      const db = await guarded();
      for (const strategy of STRATEGIES) {
        const [side] = await world.fresh(instance, strategy);
        expect(await as(side, () => loginOf(db))).toBe(world.roles.app);
        expect(await as(side, () => read(db))).toEqual(authorsOf(side));
      }
    });

    test("connections made again, patched, added and opened before are guarded", async () => {
      const db = await made({ pg: connection() });
      db.connection();
      guardLucid(instance.guard, db);
      await keepsApart(db);
      await db.manager.close("pg");
      // Lucid has heard that it ended.
      expect(db.manager.get("pg")?.connection).toBeUndefined();
      await keepsApart(db);
      db.manager.patch("pg", connection({ pool: { min: 0, max: 1 } }));
      await keepsApart(db);
      await db.manager.close("pg", true);
      db.manager.add("pg", connection());
      await keepsApart(db);
      db.manager.add("second", connection());
      await keepsApart(db, "second");
      expect(db.manager.isConnected("second")).toBe(true);
    });

    test("read replicas are read by the guard's login, in turns, and closed with the connection", async () => {
      const { hostname: host, port, username: user, password } = new URL(world.url("superuser"));
      const one = { host, port: Number(port), user, password, database: "unused" };
      const db = await guarded({
        pg: {
          client: "pg",
          replicas: { read: { connection: [one, one] }, write: { connection: one } },
        } as ConnectionConfig,
      });
      for (let turn = 0; turn < 4; turn += 1) {
        expect(await as(ada, () => loginOf(db, "read"))).toBe(world.roles.app);
      }
      for (const mode of ["read", "write"] as const) await keepsApart(db, "pg", mode);
      await keepsApart(db);
      await db.manager.close("pg");
      await keepsApart(db);
    });

    test("connections that are not named are left as they are, for migrations", async () => {
      const db = await guarded(
        { pg: connection(), migrations: connection(), other: { client: "mysql2" } as never },
        { connections: ["pg"] },
      );
      await keepsApart(db);
      const { rows } = (await db
        .connection("migrations")
        .rawQuery("select current_user as login")) as {
        rows: { login: string }[];
      };
      expect(rows[0]?.login).toBe(new URL(world.url("superuser")).username);
    });

    test("a system scope sees all rows, by the system login", async () => {
      const db = await guarded();
      await world.fresh(instance, "row");
      const seen = await instance.pw.system({ reason: "report" }, async () => [
        (await read(db)).length,
        await loginOf(db),
      ]);
      expect(seen).toEqual([6, world.roles.system]);
    });

    test("an error of the wall is Partywall's own, and says no statement and no value", async () => {
      const db = await guarded();
      const { Tag } = await modelsOf(db);
      const attempts = [
        () => Tag.create({ label: "a secret label", tenantId: bob.tenant.id }),
        () =>
          db.transaction((trx) =>
            Tag.create({ label: "a secret label", tenantId: bob.tenant.id }, { client: trx }),
          ),
      ];
      for (const attempt of attempts) {
        const error = await as(ada, attempt).catch((one: unknown) => one);
        expect(error).toBeInstanceOf(PartywallError);
        expect(error).toMatchObject({ code: "PW_WRITE_MISMATCH" });
        expect((error as Error).message).not.toMatch(/insert|secret|tags/i);
      }
      await expect(as(ada, () => db.rawQuery("select nothing"))).rejects.toThrow(
        /select nothing - column "nothing" does not exist/,
      );
      expect(await bob.rows("tags")).toEqual([]);
    });

    test("a transaction is refused without a scope, and keeps no connection", async () => {
      const db = await guarded();
      for (let n = 0; n < 10; n += 1) {
        await expect(db.transaction(async () => undefined)).rejects.toMatchObject({
          code: "PW_NO_SCOPE",
        });
        await expect(db.transaction()).rejects.toMatchObject({ code: "PW_NO_SCOPE" });
      }
      await keepsApart(db);
    });

    test("a global transaction belongs to the scope that began it", async () => {
      const db = await guarded();
      await as(ada, () => db.beginGlobalTransaction());
      expect(await as(ada, () => read(db))).toEqual(authorsOf(ada));
      await expect(as(bob, () => read(db))).rejects.toMatchObject({ code: "PW_TRANSACTION_SCOPE" });
      await as(ada, () => db.rollbackGlobalTransaction());
      await keepsApart(db);
    });

    test("a transaction undone in part leaves what was kept, with models that hang together", async () => {
      const db = await guarded();
      const { Author, Book } = await modelsOf(db);
      await as(ada, () =>
        db.transaction(async (trx) => {
          const author = await Author.create({ name: "ada outer" }, { client: trx });
          await author.related("books").create({ title: "ada kept", pages: 1 });
          await trx
            .transaction(async (inner) => {
              await Book.create({ title: "ada undone", pages: 1 }, { client: inner });
              throw new Error("undo");
            })
            .catch(() => undefined);
        }),
      );
      const titles = (await ada.rows("books")).map(({ title }) => title);
      expect(titles).toContain("ada kept");
      expect(titles).not.toContain("ada undone");
      expect((await bob.rows("books")).length).toBe(3);
    });

    test("the health check of a connection needs no scope", async () => {
      const db = await guarded();
      const { DbCheck } = await import("@adonisjs/lucid/database");
      expect((await new DbCheck(db.connection()).run()).status).toBe("ok");
    });

    test("a statement that ran out of time is not cancelled past the guard", async () => {
      const db = await guarded();
      await expect(
        as(ada, () => db.rawQuery("select pg_sleep(2)").timeout(100, { cancel: true })),
      ).rejects.toThrow(/timeout/i);
      expect(await as(ada, () => read(db))).toEqual(authorsOf(ada));
    });

    test("a database that was used past the guard is refused", async () => {
      const db = await made({ pg: connection() });
      await db.rawQuery("select 1");
      expect(() => guardLucid(instance.guard, db)).toThrow(code("PW_GUARD_BYPASSED"));
    });

    test("another dialect, a set-up of connections, an unknown name or another guard is refused", async () => {
      const { guard } = instance;
      const mysql = { client: "mysql2", connection: {} } as ConnectionConfig;
      const refused = code("PW_CONFIG");
      const mixed = await made({ pg: connection(), other: mysql });
      expect(() => guardLucid(guard, mixed)).toThrow(refused);
      for (const more of [{ searchPath: ["public"] }, { pool: { afterCreate: () => undefined } }]) {
        const db = await guarded({ pg: connection(more) });
        for (let n = 0; n < 2; n += 1) expect(() => db.connection()).toThrow(refused);
      }
      const db = await guarded();
      db.manager.add("other", mysql);
      expect(() => db.connection("other")).toThrow(refused);
      expect(db.manager.isConnected("other")).toBe(false);
      expect(() => guardLucid(guard, mixed, { connections: ["nobody's"] })).toThrow(refused);
      expect(guardLucid(guard, db)).toBe(db);
      expect(() => guardLucid(world.instance().guard, db)).toThrow(refused);
    });
  });
});
