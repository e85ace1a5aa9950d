import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEngine } from "../../support/engine.js";
import { buildSite, PAIRS, type Site } from "./site.js";

describeEngine("postgres", "transactions of postgres.js", () => {
  let site: Site;
  beforeAll(async () => {
    site = await buildSite({ max: 2, sql: { max: 2 } });
  });
  afterAll(() => site.close());

  const note = async (slug: string) => (await site.notes(slug))[0];

  for (const [strategy, mine, other] of PAIRS) {
    test(`commits what its callback did, and rolls back what it threw (${strategy})`, async () => {
      const { sql } = site;
      await site.inside(mine, async () => {
        await sql.begin((tx) => tx`update orders set note = ${"changed"} where id = 1`);
        await expect(
          sql.begin(async (tx) => {
            await tx`update orders set note = ${"lost"} where id = 1`;
            throw new Error("back");
          }),
        ).rejects.toThrow("back");
        await expect(
          sql.begin(async (tx) => {
            await tx`update orders set note = ${"lost"} where id = 1`;
            await tx`select ${1}::int / 0`;
          }),
        ).rejects.toMatchObject({ name: "PostgresError", code: "22012" });
        await expect(
          sql.begin("read only", (tx) => tx`update orders set note = ${"lost"} where id = 1`),
        ).rejects.toMatchObject({ code: "25006" });
      });
      expect(await note(mine)).toBe("changed");
      await site.inside(mine, () => sql`update orders set note = ${`${mine}1`} where id = 1`);
      await expect.poll(() => site.open()).toBe(0);
    });

    test(`savepoints undo their own part, and the tenant stays (${strategy})`, async () => {
      const { sql } = site;
      await site.inside(mine, () =>
        sql.begin(async (tx) => {
          // First of all, so that ROLLBACK TO goes back to before any statement of the transaction.
          await tx
            .savepoint(async (inner) => {
              await inner`update orders set note = ${"undone"} where id = 1`;
              throw new Error("inner");
            })
            .catch(() => undefined);
          await tx.savepoint(
            "kept",
            (inner) => inner`update orders set note = ${"kept"} where id = 2`,
          );
          const rows = await tx`select note from orders order by id`;
          expect(rows.map((row) => row["note"])).toEqual([`${mine}1`, "kept", `${mine}3`]);
          await tx`update orders set note = ${`${mine}2`} where id = 2`;
        }),
      );
      expect(await site.notes(mine)).toEqual([1, 2, 3].map((n) => `${mine}${n}`));
      expect(await site.notes(other)).toEqual([1, 2, 3].map((n) => `${other}${n}`));
    });

    test(`a savepoint that is one statement carries the tenant (${strategy})`, async () => {
      const rows = await site.inside(mine, () =>
        site.sql.begin((tx) => {
          const savepoint = tx.savepoint as unknown as typeof tx;
          return savepoint`select note from orders where id = ${1}`;
        }),
      );
      expect(rows).toEqual([{ note: `${mine}1` }]);
    });

    test(`cannot be used by another tenant, and is not harmed by the try (${strategy})`, async () => {
      const { sql } = site;
      const begun = await site
        .inside(mine, () =>
          sql.begin(async (tx) => {
            await tx`update orders set note = ${"mine"} where id = 1`;
            const stray = tx`select note from orders`;
            await expect(outside(other, () => stray)).rejects.toMatchObject({
              code: expect.stringMatching(/^PW_(TRANSACTION_SCOPE|PLACEMENT)$/) as string,
            });
            return "done";
          }),
        )
        .catch((error: unknown) => error);
      // postgres.js ends a transaction in which any statement failed, caught or not.
      expect(begun).toMatchObject({
        code: expect.stringMatching(/^PW_(TRANSACTION_SCOPE|PLACEMENT)$/) as string,
      });
      expect(await note(mine)).toBe(`${mine}1`);
      expect(await note(other)).toBe(`${other}1`);
      await expect.poll(() => site.open()).toBe(0);
    });

    test(`cannot be used outside any scope, in central or system scopes (${strategy})`, async () => {
      const { sql, pw } = site;
      const tries: [string, (fn: () => PromiseLike<unknown>) => Promise<unknown>, RegExp][] = [
        [
          "central",
          (fn) => outside(undefined, () => pw.central(async () => await fn())),
          /^PW_(TRANSACTION_SCOPE|PLACEMENT)$/,
        ],
        [
          "system",
          (fn) => outside(undefined, () => pw.system({ reason: "try" }, async () => await fn())),
          /^PW_STATEMENT_REFUSED$/,
        ],
        ["none", (fn) => outside(undefined, fn), /^PW_NO_SCOPE$/],
      ];
      for (const [name, open, code] of tries) {
        const told = await site
          .inside(mine, () =>
            sql.begin(async (tx) => {
              await tx`update orders set note = ${"mine"} where id = 1`;
              await open(() => tx`select note from orders`);
            }),
          )
          .catch((error: unknown) => error);
        expect([name, told]).toEqual([
          name,
          expect.objectContaining({ code: expect.stringMatching(code) as string }),
        ]);
        expect(await note(mine)).toBe(`${mine}1`);
      }
      await expect.poll(() => site.open()).toBe(0);
    });

    test(`two of two tenants interleave on their own connections (${strategy})`, async () => {
      const { sql } = site;
      const steps: (() => void)[] = [];
      const turn = () => new Promise<void>((resolve) => steps.push(resolve));
      const work = (slug: string) =>
        site.inside(slug, () =>
          sql.begin(async (tx) => {
            const seen: unknown[] = [];
            for (let at = 0; at < 4; at += 1) {
              seen.push((await tx`select note from orders where id = ${1}`)[0]?.["note"]);
              await turn();
            }
            return seen;
          }),
        );
      const both = Promise.all([work(mine), work(other)]);
      const turning = setInterval(() => steps.shift()?.(), 1);
      void both.finally(() => clearInterval(turning));
      expect(await both).toEqual([Array(4).fill(`${mine}1`), Array(4).fill(`${other}1`)]);
    });
  }

  test("a BEGIN that postgres.js does not allow leaves no transaction to whoever is next", async () => {
    const { sql } = site;
    await expect(site.inside("ada", () => sql.unsafe("begin"))).rejects.toMatchObject({
      code: "UNSAFE_TRANSACTION",
    });
    await expect.poll(() => site.open()).toBe(0);
    for (let n = 0; n < 6; n += 1) {
      expect(await site.inside("bob", () => sql`select note from orders where id = 1`)).toEqual([
        { note: "bob1" },
      ]);
    }
  });

  test("a reserved connection keeps its session, and gives nothing of it to the next tenant", async () => {
    const { sql } = site;
    await site.inside("ada", async () => {
      const reserved = await sql.reserve();
      await reserved`begin`;
      await reserved`update orders set note = ${"open"} where id = 1`;
      await reserved`rollback`;
      await reserved.unsafe("set statement_timeout = '12345ms'");
      expect(await reserved`show statement_timeout`).toEqual([{ statement_timeout: "12345ms" }]);
      await reserved`begin`;
      await reserved`update orders set note = ${"left open"} where id = 1`;
      reserved.release();
    });
    for (let n = 0; n < 6; n += 1) {
      expect(await site.inside("bob", () => sql`show statement_timeout`)).toEqual([
        { statement_timeout: "0" },
      ]);
    }
    expect(await note("ada")).toBe("ada1");
    await expect.poll(() => site.open()).toBe(0);
  });

  test("a reserved connection is used by another tenant as a lone connection is: under that one's own name", async () => {
    const { sql } = site;
    const reserved = await site.inside("ada", () => sql.reserve());
    try {
      expect(
        await site.inside("ada", () => reserved`select note from orders where id = 1`),
      ).toEqual([{ note: "ada1" }]);
      expect(
        await site.inside("bob", () => reserved`select note from orders where id = 1`),
      ).toEqual([{ note: "bob1" }]);
      await site.inside("ada", () => reserved`begin`);
      await expect(
        site.inside("bob", () => reserved`select note from orders`),
      ).rejects.toMatchObject({ code: "PW_TRANSACTION_SCOPE" });
      await expect(site.inside("bob", () => reserved`commit`)).rejects.toMatchObject({
        code: "PW_TRANSACTION_SCOPE",
      });
      await site.inside("ada", () => reserved`commit`);
    } finally {
      reserved.release();
    }
  });

  // Leaves the current scope, as a callback that an old library keeps would.
  function outside<Result>(
    slug: string | undefined,
    fn: () => PromiseLike<Result>,
  ): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      escape.push(() => {
        const run = slug === undefined ? Promise.resolve(fn()) : site.inside(slug, fn);
        (run as Promise<Result>).then(resolve, reject);
      });
    });
  }
  const escape: (() => void)[] = [];
  let timer: NodeJS.Timeout;
  beforeAll(() => {
    timer = setInterval(() => escape.splice(0).forEach((run) => run()), 1);
  });
  afterAll(() => clearInterval(timer));
});
