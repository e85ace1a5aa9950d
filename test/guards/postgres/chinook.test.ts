import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeData } from "../../support/data.js";
import { QUERIES, WRITES, type Query } from "./chinook-queries.js";
import { buildChinook, TABLES, type Chinook, type Shop } from "./chinook.js";

describeData("chinook", "postgres", "Chinook, five shops in one database", () => {
  let chinook: Chinook;
  beforeAll(async () => {
    chinook = await buildChinook();
  }, 120_000);
  afterAll(() => chinook.close());

  type Asked = { query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> };
  const ask = async (client: Asked, { text, values }: Query) =>
    (await client.query(text, values && [...values])).rows;
  const behindTheWall = (shop: Shop, query: Query) =>
    chinook.pw.run(shop.tenant.id, () => ask(chinook.pool, query));

  test("the ids of the five shops collide, and the first shop is the original", async () => {
    for (const table of ["artist", "track", "customer", "invoice"]) {
      const { rows } = await chinook.unguarded.query(
        `select ${table}_id, count(*)::int as n from ${table} group by 1 having count(*) = 5`,
      );
      expect(rows.length, table).toBeGreaterThan(25);
    }
    const counts: number[] = [];
    for (const table of TABLES) {
      const { rows } = await chinook.unguarded.query(
        `select count(*)::int as n from ${table} where tenant_id = 1`,
      );
      counts.push(rows[0].n as number);
    }
    // As the script's own INSERTs have them.
    expect(counts).toEqual([275, 347, 25, 5, 3503, 18, 8715, 8, 59, 412, 2240]);
  });

  test.each(QUERIES)("a leak would show in: $name", async (query) => {
    const answers = new Set<string>();
    for (const shop of chinook.shops) {
      const rows = await ask(shop.alone, query);
      expect(rows.length).toBeGreaterThan(0);
      answers.add(JSON.stringify(rows));
    }
    expect(answers.size).toBe(5);
  });

  describe.each(["mac", "parameter"] as const)("behind the %s seal", (seal) => {
    beforeAll(async () => {
      await chinook.wall(seal);
    });

    test.each(QUERIES)("each shop gets what it got alone: $name", async (query) => {
      for (const shop of chinook.shops) {
        expect(await behindTheWall(shop, query), shop.tenant.slug).toEqual(
          await ask(shop.alone, query),
        );
      }
    });

    test("all shops asking everything at once over four connections get what they got alone", async () => {
      const asked = QUERIES.flatMap((query) => chinook.shops.map((shop) => ({ query, shop })));
      const answers = await Promise.all(asked.map(({ query, shop }) => behindTheWall(shop, query)));
      for (const [index, { query, shop }] of asked.entries()) {
        expect(answers[index], `${shop.tenant.slug}: ${query.name}`).toEqual(
          await ask(shop.alone, query),
        );
      }
    });

    test("a transaction of writes changes its own shop as it would alone, and no other", async () => {
      const shop = chinook.shops[seal === "mac" ? 0 : 3]!;
      const others = chinook.shops.filter((one) => one !== shop);
      const before = await chinook.checksums(others);
      const own = await chinook.checksums([shop]);
      await chinook.pw.run(shop.tenant.id, async () => {
        const client = await chinook.pool.connect();
        try {
          await client.query("begin");
          for (const write of WRITES) {
            const guarded = await client.query(write.text, write.values && [...write.values]);
            const alone = await shop.alone.query(write.text, write.values && [...write.values]);
            expect(guarded.rowCount, write.name).toBe(alone.rowCount);
            expect(guarded.rowCount, write.name).toBeGreaterThan(0);
          }
          await client.query("commit");
        } finally {
          client.release();
        }
      });
      expect(await chinook.checksums([shop])).not.toEqual(own);
      for (const table of TABLES) {
        const { rows: kept } = await chinook.unguarded.query(
          `select (to_jsonb(t) - 'tenant_id')::text as row from ${table} t where tenant_id = $1 order by 1`,
          [shop.tenant.id],
        );
        const { rows: alone } = await shop.alone.query(
          `select to_jsonb(t)::text as row from ${table} t order by 1`,
        );
        expect(kept, table).toEqual(alone);
      }
      expect(await chinook.checksums(others)).toEqual(before);
    });

    test("a transaction of writes rolled back changes no shop", async () => {
      const shop = chinook.shops[1]!;
      const before = await chinook.checksums(chinook.shops);
      await chinook.pw.run(shop.tenant.id, async () => {
        const client = await chinook.pool.connect();
        try {
          await client.query("begin");
          for (const write of WRITES) {
            await client.query(write.text, write.values && [...write.values]);
          }
          await client.query("rollback");
        } finally {
          client.release();
        }
      });
      expect(await chinook.checksums(chinook.shops)).toEqual(before);
    });

    test("cannot reference, move or overwrite what only another shop has", async () => {
      const [first, , , , smallest] = chinook.shops as [Shop, Shop, Shop, Shop, Shop];
      const before = await chinook.checksums(chinook.shops);
      const tries = [
        // Track 3000 is the first shop's, and not the smallest one's.
        `insert into playlist_track (playlist_id, track_id) values (1, 3000)`,
        `insert into playlist_track (tenant_id, playlist_id, track_id) values (1, 1, 3000)`,
        `update customer set tenant_id = ${first.tenant.id} where customer_id = 1`,
      ];
      for (const text of tries) {
        await expect(
          chinook.pw.run(smallest.tenant.id, () => chinook.pool.query(text)),
          text,
        ).rejects.toMatchObject({ code: expect.stringMatching(/^(23503|PW_WRITE_MISMATCH)$/) });
      }
      const gone = await chinook.pw.run(smallest.tenant.id, () =>
        chinook.pool.query("delete from track where track_id = 3000"),
      );
      expect(gone.rowCount).toBe(0);
      expect(await chinook.checksums(chinook.shops)).toEqual(before);
    });
  });
});
