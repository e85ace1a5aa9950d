import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { registerScopeSource } from "partywall";
import { describeEngine } from "../../support/engine.js";
import { brief, rolloutWorld, type RolloutWorld } from "./rollout-world.js";

const FILE = fileURLToPath(import.meta.url);
let texts = 0;
const fresh = (text: string) => `${text} -- ${(texts += 1)}`;

for (const preparedStatements of [false, true]) {
  describeEngine(
    "postgres",
    `a guard in rollout${preparedStatements ? ", statements kept" : ""}`,
    () => {
      let world: RolloutWorld;
      beforeAll(async () => {
        world = await rolloutWorld({
          tables: { orders: "observe" },
          guard: { preparedStatements },
        });
      });
      afterEach(async () => {
        vi.restoreAllMocks();
        await world.unguarded.query("delete from orders where id > 3");
        await world.told();
      });
      afterAll(() => world.close());

      const inA = <T>(fn: () => T) => world.pw.run(world.a.id, fn);
      const query = (text: string, values?: unknown[]) => world.pool.query(text, values);

      test("a statement outside any scope is sent, told, and finds what its tables let it", async () => {
        const text = fresh("select note from orders");
        expect((await query(text)).rows).toHaveLength(6);
        const told = await world.told();
        expect(brief(told)).toEqual(["unscoped", "read public.orders observe"]);
        for (const one of told) {
          expect(one).toMatchObject({ statement: text, tenantId: undefined, count: 1 });
          expect(one.callSite).toContain(`${FILE}:`);
        }
        expect(told[0]).not.toHaveProperty("table");
      });

      test("a tenant's statement where its scope is withheld is not sent as one that never had any", async () => {
        const withheld = () => "This is kept for everybody.";
        await inA(async () => {
          const remove = registerScopeSource({ get: () => undefined, withheld });
          try {
            await expect(query(fresh("select note from orders"))).rejects.toMatchObject({
              code: "PW_NO_SCOPE",
              message: withheld(),
            });
          } finally {
            remove();
          }
        });
        expect(await world.told()).toEqual([]);
      });

      test("outside any scope a row is written as it was before the adoption", async () => {
        await query(fresh("insert into orders (id, note) values (30, 'unscoped')"));
        expect(await world.rows("orders", world.a)).toContainEqual(
          expect.objectContaining({ id: 30 }),
        );
        expect(brief(await world.told())).toEqual(["unscoped", "write public.orders observe"]);
      });

      test("outside any scope an enforced table is out of reach, even in a join with one that is not", async () => {
        for (const text of [
          "select * from customers",
          "select c.name from orders o join customers c on c.id = o.customer_id",
          "update customers set name = 'taken'",
          "delete from customers",
          "insert into customers (id, email) values (9, 'x')",
          `insert into customers (tenant_id, id, email) values ('${world.a.id}', 9, 'x')`,
        ]) {
          await expect(query(fresh(text)), text).rejects.toMatchObject({
            name: "TenantContextError",
            code: "PW_NO_SCOPE",
          });
        }
        for (const tenant of [world.a, world.b]) {
          expect((await world.rows("customers", tenant)).map((row) => row["name"])).toEqual(
            [1, 2, 3].map((n) => `${tenant.slug}${n}`),
          );
        }
      });

      test("what drivers ask by themselves is not told", async () => {
        await query("select 1");
        await query("select version()");
        expect(await world.told()).toEqual([]);
      });

      test("in a central scope a table that is not enforced is read, and told", async () => {
        const text = fresh("select * from orders");
        const { rows } = await world.pw.central(() => query(text));
        expect(rows).toHaveLength(6);
        expect(await world.told()).toMatchObject([{ kind: "read", tenantId: undefined }]);
        await expect(
          world.pw.central(() => query("select * from customers")),
        ).rejects.toMatchObject({ code: "PW_CENTRAL_SCOPE" });
      });

      test("the system scope sees all rows, and nothing of it is told", async () => {
        const { rows } = await world.pw.system({ reason: "a test" }, () =>
          query(fresh("select * from orders")),
        );
        expect(rows).toHaveLength(6);
        expect(await world.told()).toEqual([]);
      });

      test("no seal is left for a statement outside any scope, on the same connection", async () => {
        for (let times = 0; times < 3; times += 1) {
          await inA(() => query("select * from customers"));
          await expect(query("select * from customers")).rejects.toMatchObject({
            code: "PW_NO_SCOPE",
          });
        }
        await world.told();
        const client = await world.pool.connect();
        try {
          await inA(() => client.query("select * from customers"));
          await expect(client.query("select * from customers")).rejects.toMatchObject({
            code: "PW_NO_SCOPE",
          });
        } finally {
          client.release();
        }
      });

      test("a transaction belongs to the scope that began it, and to none where none did", async () => {
        const client = await world.pool.connect();
        try {
          await client.query("begin");
          await expect(inA(() => client.query("select * from orders"))).rejects.toMatchObject({
            code: "PW_TRANSACTION_SCOPE",
          });
          await client.query("rollback");
          await inA(() => client.query("begin"));
          await inA(() => client.query("select * from orders"));
          await expect(client.query("select * from orders")).rejects.toMatchObject({
            code: "PW_TRANSACTION_SCOPE",
          });
          await inA(() => client.query("rollback"));
        } finally {
          client.release();
        }
      });

      test("what a statement outside any scope leaves on the session is cleared before a tenant comes", async () => {
        await query("set work_mem = '77MB'");
        const { rows } = await inA(() => query("show work_mem"));
        expect(rows).not.toEqual([{ work_mem: "77MB" }]);
      });

      test("LISTEN on a pooled connection is refused outside any scope, too", async () => {
        await expect(query("listen somebody")).rejects.toMatchObject({ code: "PW_LISTEN_ON_POOL" });
      });

      test("a statement kept by name is filtered as soon as its table is enforced", async () => {
        const text = fresh("select note from orders order by note");
        const count = async () => (await inA(() => query(text))).rows.length;
        for (let times = 0; times < 3; times += 1) expect(await count()).toBe(6);
        await world.stage();
        for (let times = 0; times < 3; times += 1) expect(await count()).toBe(3);
        await world.stage({ orders: "observe" });
        for (let times = 0; times < 3; times += 1) expect(await count()).toBe(6);
        expect(brief(await world.told())).toEqual(["read public.orders observe"]);
      });

      test("after the end nothing is sent outside any scope, and nothing in one is remembered", async () => {
        vi.spyOn(Date, "now").mockReturnValue(world.until.getTime());
        const { rows } = await world.unguarded.query("select count(*)::int as n from orders");
        await expect(query(fresh("delete from orders"))).rejects.toMatchObject({
          code: "PW_NO_SCOPE",
          message: expect.stringContaining("nothing was sent"),
        });
        expect((await world.unguarded.query("select count(*)::int as n from orders")).rows).toEqual(
          rows,
        );
        expect(await world.told()).toEqual([]);
        // The database's clock has not come there yet, so it goes on telling.
        await inA(() => query(fresh("select * from orders")));
        expect(await world.told()).toMatchObject([{ kind: "read", callSite: undefined }]);
      });

      test("counted, what is alike is told at the 1st, 10th and 100th time", async () => {
        const text = fresh("select * from orders");
        for (let times = 0; times < 120; times += 1) {
          await world.pw.run(times % 2 ? world.a.id : world.b.id, () => query(text));
        }
        expect((await world.told()).map(({ count }) => count)).toEqual([1, 10, 100]);
      });
    },
  );
}
