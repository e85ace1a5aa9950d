import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createPartywall, type Tenant } from "partywall";
import { guardPg } from "partywall/guards/postgres";
import { memoryStore } from "partywall/registry";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Keyring } from "../../../src/scope/keyring.js";
import { describeEngine } from "../../support/engine.js";
import { buildSite, type Site } from "./site.js";

const OLD = "the old secret, of 32 characters or more";
const NEW = "the new secret, of 32 characters or more";
// What a statement on a connection hears that the server has ended.
const ENDED = /terminat|not queryable/i;
const TABLE = "create table notes (tenant_id uuid not null, id int)";

/** Waits until something has come to be; a test whose condition never comes fails by its own timeout. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

for (const seal of ["parameter", "mac"] as const) {
  describeEngine("postgres", `who the database lets in, behind the ${seal} seal`, () => {
    let site: Site;
    const opened: { close(): Promise<void> }[] = [];
    beforeAll(async () => {
      site = await buildSite(TABLE);
      await site.build({ tables: ["notes"], seal });
    });
    afterAll(() => site.close());
    const borrowed: pg.PoolClient[] = [];
    afterEach(async () => {
      // Closed rather than kept, so that a failing test leaves no transaction behind.
      for (const client of borrowed.splice(0)) client.release(true);
      for (const one of opened.splice(0)) await one.close();
      await site.superuser.query("delete from partywall.seals");
      await site.superuser.query("truncate notes");
    });

    function instance(
      secret: string | readonly string[],
      options: { readonly store?: ReturnType<typeof memoryStore>; readonly graceMs?: number } = {},
    ) {
      const { login, roles, database } = site;
      const guard = guardPg(pg, {
        app: login(roles.app),
        system: login(roles.system),
        expelGraceMs: options.graceMs ?? 10_000,
      });
      const pw = createPartywall({
        realm: database.name,
        secret,
        postgres: guard,
        cache: false,
        ...(options.store && { store: options.store }),
      });
      opened.push(pw);
      const create = (id: string = randomUUID()) =>
        pw.tenants.create({ id, slug: `t-${id}`, name: "T" });
      const count = async (tenant: Tenant) =>
        pw.run(tenant.id, async () => (await guard.pool.query("select id from notes")).rowCount);
      return { guard, pw, create, count };
    }
    const seals = async (tenant: Tenant) => {
      const { rows } = await site.superuser.query(
        "select expires_at = 'infinity' as lasting from partywall.seals where tenant = $1 order by 1",
        [tenant.id],
      );
      return rows.map((row) => row.lasting as boolean);
    };

    test("a suspended tenant is shut out of the database itself, and let in again when restored", async () => {
      const { guard, pw, create, count } = instance(OLD);
      const [tenant, other] = [await create(), await create()];
      expect(await seals(tenant)).toEqual([true]);
      const late = await pw.run(tenant.id, () =>
        pw.bind(() => guard.pool.query("select id from notes")),
      );
      await pw.tenants.suspend(tenant.id);
      expect(await seals(tenant)).toEqual([]);
      await expect(count(tenant)).rejects.toMatchObject({ code: "PW_TENANT_SUSPENDED" });
      // A scope that was open when the tenant was suspended gets no further than the database.
      await expect(late()).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
      expect(await count(other)).toBe(0);
      await pw.tenants.restore(tenant.id);
      expect(await seals(tenant)).toEqual([true]);
      expect(await count(tenant)).toBe(0);
      expect((await late()).rowCount).toBe(0);
    });

    test("while secrets are rotated, the old and the new are good; when the window closes, the old is refused", async () => {
      const store = memoryStore();
      const before = instance(OLD, { store });
      const [tenant, other] = [await before.create(), await before.create()];
      const after = instance([NEW, OLD], { store });
      await expect(after.count(tenant)).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
      expect(await after.guard.rotateSeals({ keepMs: 3_600_000 })).toBe(2);
      for (const one of [tenant, other]) {
        expect(await before.count(one)).toBe(0);
        expect(await after.count(one)).toBe(0);
        expect(await seals(one)).toEqual([false, true]);
      }
      // A tenant that the instance with both secrets creates is known to the one with the old.
      const young = await after.create();
      expect(await before.count(young)).toBe(0);
      expect(await after.count(young)).toBe(0);

      expect(await after.guard.rotateSeals({ keepMs: 1 })).toBe(3);
      for (const one of [tenant, other, young]) {
        await until(() =>
          before.count(one).then(
            () => false,
            () => true,
          ),
        );
        await expect(before.count(one)).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
        expect(await after.count(one)).toBe(0);
      }
      const next = instance(NEW, { store });
      expect(await next.count(tenant)).toBe(0);
    });

    test("a rotation cannot let in a tenant that is being shut out", async () => {
      const before = instance(OLD);
      const { id } = await before.create();
      const after = instance([NEW, OLD]);
      const { superuser } = site;
      await superuser.query("begin");
      await superuser.query("delete from partywall.seals where tenant = $1", [id]);
      const rotating = after.guard.rotateSeals();
      const waits =
        "select 1 from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))";
      await Promise.race([
        rotating,
        until(async () => (await superuser.query(waits)).rows.length > 0),
      ]);
      await superuser.query("commit");
      await rotating;
      const { rows } = await superuser.query("select 1 from partywall.seals where tenant = $1", [
        id,
      ]);
      expect(rows).toEqual([]);
    });

    test("tenants suspended while seals rotate stay out, whoever comes first", async () => {
      const store = memoryStore();
      const { pw, guard, create } = instance([NEW, OLD], { store });
      for (let n = 0; n < 10; n += 1) {
        const { id } = await create();
        await Promise.all([guard.rotateSeals(), pw.tenants.suspend(id), guard.rotateSeals()]);
        const { rows } = await site.superuser.query(
          "select 1 from partywall.seals where tenant = $1",
          [id],
        );
        expect(rows).toEqual([]);
      }
    });

    test("a longer window cannot bring an expired seal back", async () => {
      const store = memoryStore();
      const before = instance(OLD, { store });
      const tenant = await before.create();
      const after = instance([NEW, OLD], { store });
      await after.guard.rotateSeals({ keepMs: 1 });
      await until(() =>
        before.count(tenant).then(
          () => false,
          () => true,
        ),
      );
      await after.guard.rotateSeals({ keepMs: 3_600_000 });
      await expect(before.count(tenant)).rejects.toMatchObject({ code: "PW_SEAL_REFUSED" });
    });

    test("rotating does not let a suspended tenant in", async () => {
      const { guard, pw, create, count } = instance([NEW, OLD]);
      const [tenant, other] = [await create(), await create()];
      await pw.tenants.suspend(tenant.id);
      await guard.rotateSeals();
      expect(await seals(tenant)).toEqual([]);
      expect(await count(other)).toBe(0);
    });

    test("cannot enter with a key that another secret, realm or purpose would give", async () => {
      const tenant = await instance(OLD).create();
      const realm = site.database.name;
      const keys = [
        new Keyring(realm, NEW).derive("guard", "seal:postgres", tenant.id),
        new Keyring("default", OLD).derive("guard", "seal:postgres", tenant.id),
        new Keyring(realm, OLD).derive("guard", "seal:mysql", tenant.id),
        new Keyring(realm, OLD).derive("guard", "seal:postgres", `${tenant.id} `),
        [Buffer.alloc(0)],
        [Buffer.from(tenant.id)],
      ].flat();
      const client = new pg.Client({ connectionString: site.login(site.roles.app) });
      await client.connect();
      try {
        for (const key of [...keys, null]) {
          await expect(client.query("select partywall.enter($1)", [key])).rejects.toMatchObject({
            code: "PW002",
          });
        }
      } finally {
        await client.end();
      }
    });

    test("the secret is nowhere in the clear: not in the wall's tables, nor in any text the server shows", async () => {
      const { guard, pw, create } = instance([NEW, OLD]);
      const tenant = await create();
      await guard.rotateSeals();
      const realm = site.database.name;
      const secrets = [
        Buffer.from(OLD),
        Buffer.from(NEW),
        ...new Keyring(realm, [NEW, OLD]).derive("guard", "seal:postgres", tenant.id),
      ].flatMap((secret) => [
        secret.toString("hex"),
        secret.toString("base64").replace(/=+$/, ""),
        secret.toString("latin1"),
      ]);
      const found = (text: unknown) => secrets.filter((one) => JSON.stringify(text).includes(one));
      const shown: unknown[] = [];
      const { rows: tables } = await site.superuser.query(
        "select oid::regclass::text as name from pg_class where relnamespace = 'partywall'::regnamespace and relkind in ('r', 'v', 'm')",
      );
      expect(tables.length).toBeGreaterThan(0);
      for (const { name } of tables) {
        const { rows } = await site.superuser.query(
          `select t::text as row, encode(convert_to(t::text, 'UTF8'), 'base64') as coded from ${name} t`,
        );
        shown.push(rows);
      }
      await pw.run(tenant.id, async () => {
        const client = await guard.pool.connect();
        try {
          await client.query("begin");
          await client.query("select id from notes where id = $1", [1]);
          const { rows } = await site.superuser.query("select query from pg_stat_activity");
          shown.push(rows);
          // All a tenant's own SQL sees of its session.
          shown.push((await client.query("select name, setting from pg_settings")).rows);
          shown.push((await client.query("select * from pg_cursors")).rows);
          await client.query("commit");
        } finally {
          client.release();
        }
      });
      // On a login that may look, what the guard has prepared is one unnamed statement, which is not listed.
      const spy = guardPg(pg, { app: site.database.url });
      const watching = createPartywall({ realm, secret: [NEW, OLD], postgres: spy });
      opened.push(watching);
      await pw.run(tenant.id, async () => {
        const { rows } = await spy.pool.query("select statement from pg_prepared_statements");
        expect(rows).toEqual([]);
        shown.push((await spy.pool.query("select query from pg_stat_activity")).rows);
      });
      expect(shown.flat().length).toBeGreaterThan(300);
      expect(found(shown)).toEqual([]);
      // The search itself finds what it looks for.
      const { rows: planted } = await site.superuser.query("select $1::bytea::text as row", [
        Buffer.from(OLD),
      ]);
      expect(found(planted)).not.toEqual([]);
    });

    /** A transaction of a tenant that has written one row and stays open. */
    async function openTransaction({ guard, pw }: ReturnType<typeof instance>, tenant: Tenant) {
      return pw.run(tenant.id, async () => {
        const client = await guard.pool.connect();
        borrowed.push(client);
        client.on("error", () => undefined);
        await client.query("begin");
        await client.query("insert into notes (id) values (1)");
        // The scope stays this one's, also when the tenant can be entered no more.
        return pw.bind((text: string) => client.query(text));
      });
    }
    const kept = async (tenant: Tenant) => {
      const { rows } = await site.superuser.query(
        "select id from notes where tenant_id = $1 order by id",
        [tenant.id],
      );
      return rows.map((row) => row.id as number);
    };

    test("suspending waits for a transaction under way, which may finish", async () => {
      const one = instance(OLD, { graceMs: 25_000 });
      const tenant = await one.create();
      const transaction = await openTransaction(one, tenant);
      let over = false;
      const suspending = one.pw.tenants.suspend(tenant.id).finally(() => (over = true));
      await until(async () => (await seals(tenant)).length === 0);
      await sleep(100);
      expect(over).toBe(false);
      await transaction("insert into notes (id) values (2)");
      await transaction("commit");
      await suspending;
      expect(await kept(tenant)).toEqual([1, 2]);
    });

    test("suspending ends a transaction that outlasts the grace, and nothing of it is kept", async () => {
      const one = instance(OLD, { graceMs: 100 });
      const tenant = await one.create();
      const transaction = await openTransaction(one, tenant);
      await one.pw.tenants.suspend(tenant.id);
      await expect(transaction("commit")).rejects.toThrow(ENDED);
      expect(await kept(tenant)).toEqual([]);
    });

    test("suspending leaves this process's transactions of other tenants alone", async () => {
      const one = instance(OLD, { graceMs: 100 });
      const [tenant, other] = [await one.create(), await one.create()];
      const theirs = await openTransaction(one, other);
      const own = await openTransaction(one, tenant);
      await one.pw.tenants.suspend(tenant.id);
      await expect(own("commit")).rejects.toThrow(ENDED);
      await theirs("insert into notes (id) values (2)");
      await theirs("commit");
      expect(await kept(other)).toEqual([1, 2]);
    });

    test("suspending ends what another process left open on the application's login", async () => {
      const one = instance(OLD, { graceMs: 100 });
      const tenant = await one.create();
      const [key] = new Keyring(site.database.name, OLD).derive(
        "guard",
        "seal:postgres",
        tenant.id,
      );
      const pool = new pg.Pool({ connectionString: site.login(site.roles.app) });
      opened.push({ close: () => pool.end() });
      const elsewhere = await pool.connect();
      borrowed.push(elsewhere);
      elsewhere.on("error", () => undefined);
      await elsewhere.query("begin");
      await elsewhere.query("select partywall.enter($1)", [key]);
      await elsewhere.query("insert into notes (id) values (1)");
      await one.pw.tenants.suspend(tenant.id);
      await expect(elsewhere.query("commit")).rejects.toThrow(ENDED);
      expect(await kept(tenant)).toEqual([]);
    });

    test("suspending tells when the system login may not end what runs on, and can be repeated", async () => {
      const one = instance(OLD, { graceMs: 100 });
      const tenant = await one.create();
      const transaction = await openTransaction(one, tenant);
      await site.superuser.query(`revoke pg_signal_backend from ${site.roles.system}`);
      try {
        const failure: unknown = await one.pw.tenants.suspend(tenant.id).catch((e: unknown) => e);
        expect(failure).toMatchObject({ code: "PW_GUARD_FAILED" });
        const cause = (failure as Error).cause as AggregateError | Error;
        const told = "errors" in cause ? (cause.errors[0] as Error) : cause;
        expect(told).toMatchObject({ code: "PW_SEAL_REFUSED" });
        expect(told.message).toMatch(/1 transaction.*pg_signal_backend/);
        await expect(one.count(tenant)).rejects.toMatchObject({ code: "PW_TENANT_SUSPENDED" });
      } finally {
        await site.superuser.query(`grant pg_signal_backend to ${site.roles.system}`);
      }
      await one.pw.tenants.suspend(tenant.id);
      await expect(transaction("commit")).rejects.toThrow(ENDED);
      expect(await kept(tenant)).toEqual([]);
    });
  });
}
