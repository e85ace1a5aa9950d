import { createHash } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { script, VARIATIONS } from "../../guards/postgres/chinook.js";
import { describeData, whereData } from "../../support/data.js";
import { describeMongo } from "../../support/mongo.js";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { testDatabase, type TestDatabase } from "../../support/postgres.js";
import { QUESTIONS, type Question } from "../chinook/questions.js";
import { COLLECTIONS } from "./chinook/data.js";
import { openShops, type Counter, type Shops, type Way } from "./chinook/shops.js";

const ASKED = Object.keys(QUESTIONS) as Question[];
const SHOPS = [0, 1, 2, 3, 4, 5];

/** Numbers to the cent, and nothing of a driver's own classes. */
const plain = (rows: readonly unknown[]): unknown =>
  JSON.parse(JSON.stringify(rows), (_, value: unknown) =>
    typeof value === "number" ? Math.round(value * 100) / 100 : value,
  );

const ADDED = new Set(["_id", "__v", "tenantId"]);

/** Of documents in whatever order, but for what a database and Mongoose add. */
function checksum(documents: readonly object[]): string {
  const texts = documents.map((document) => {
    const fields = Object.entries(document).filter(([name]) => !ADDED.has(name));
    return JSON.stringify(fields.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
  return `${texts.length} ${createHash("sha256").update(texts.toSorted().join("\n")).digest("hex")}`;
}

whereData("chinookJson", "Chinook's JSON for five tenants", () => {
  describeMongo("Chinook's JSON for five tenants", (mongo) => {
    let chinook: Shops;
    const expected: Record<Question, unknown>[] = [];
    beforeAll(async () => {
      chinook = await openShops(mongo);
      for (const { original } of chinook.shops) {
        const answers = {} as Record<Question, unknown>;
        for (const question of ASKED) answers[question] = plain(await original[question]());
        expected.push(answers);
      }
      const [counter] = chinook.counters as [Counter];
      await counter.central(async () => {
        for (const name of COLLECTIONS) await counter.models[name].createIndexes();
      });
      for (const shop of chinook.shops) {
        await counter.run(shop, async () => {
          for (const name of COLLECTIONS)
            await counter.models[name].insertMany(shop.rows[name] as object[]);
        });
      }
    }, 240_000);
    afterAll(() => chinook.close());

    test("what was loaded is each tenant's, and all of it", async () => {
      const known = chinook.shops.filter(({ own }) => own === undefined).map(chinook.valueOf);
      for (const name of COLLECTIONS) {
        const documents = await chinook.stored().collection(name).find().toArray();
        expect(new Set(documents.map((one) => one["tenantId"] as unknown))).toEqual(new Set(known));
        for (const shop of chinook.shops) {
          const theirs =
            shop.own === undefined
              ? documents.filter((one) => one["tenantId"] === chinook.valueOf(shop))
              : await chinook.stored(shop).collection(name).find({ tenantId: null }).toArray();
          expect(checksum(theirs), `${shop.id} ${name}`).toBe(checksum(shop.rows[name]));
        }
      }
    });

    test("its ids collide, and are unique within a tenant", async () => {
      const albums = chinook.stored().collection("Album");
      expect(await albums.countDocuments({ AlbumId: 1 })).toBe(5);
      const indexes = (await albums.indexes()).filter(({ unique }) => unique);
      expect(indexes.map(({ key }) => Object.keys(key))).toContainEqual(["tenantId", "AlbumId"]);
      const [counter] = chinook.counters as [Counter];
      await expect(
        counter.run(chinook.shops[0]!, () => counter.models.Album.create({ AlbumId: 1 })),
      ).rejects.toMatchObject({ code: 11_000 });
    });

    test.each(ASKED)("a leak would show in: %s", (question) => {
      const answers = expected.map((one) => one[question]);
      for (const answer of answers) expect((answer as unknown[]).length).toBeGreaterThan(0);
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBeGreaterThan(1);
    });

    /** What every shop answers to a question over a Mongoose, in a way; and its original. */
    const ask = async (at: number, way: Way, question: Question) => {
      const { run, ways } = chinook.counters[at]!;
      const answers: unknown[] = [];
      for (const shop of chinook.shops)
        answers.push([shop.id, plain(await run(shop, () => ways[way][question]()))]);
      return answers;
    };
    const originals = (question: Question) =>
      chinook.shops.map(({ id }, place) => [id, expected[place]![question]]);

    describe.each(MONGOOSES.map(([name], at) => [name, at] as const))("asked with %s", (_, at) => {
      test.each(ASKED)(
        "by populate, answers each shop as the single-tenant original: %s",
        async (question) => {
          expect(await ask(at, "populate", question)).toEqual(originals(question));
        },
        60_000,
      );

      test("by find of the driver, answers each shop as the single-tenant original", async () => {
        for (const question of ASKED)
          expect(await ask(at, "find of the driver", question)).toEqual(originals(question));
      }, 120_000);

      for (const way of ["$lookup", "$lookup of the driver"] as const) {
        const name = `by ${way}, answers each shop as the single-tenant original`;
        mongo.testNeeding("lookup", name, async () => {
          for (const question of ASKED)
            // oxlint-disable-next-line vitest/no-standalone-expect -- testNeeding() is a test
            expect(await ask(at, way, question)).toEqual(originals(question));
        });
      }

      test("by populate, answers all shops at once", async () => {
        const { run, ways } = chinook.counters[at]!;
        // FerretDB reads whole collections for each: a few questions keep it busy.
        const asked: Question[] = mongo.engine === "ferretdb" ? ["staff", "thirdPage"] : ASKED;
        await Promise.all(
          chinook.shops.flatMap((shop, place) =>
            asked.map(async (question) => {
              const rows = await run(shop, () => ways.populate[question]());
              expect(plain(rows), `${shop.id} ${question}`).toEqual(expected[place]![question]);
            }),
          ),
        );
      }, 60_000);
    });

    describeData("chinook", "postgres", "beside PostgreSQL", () => {
      const databases: TestDatabase[] = [];
      afterAll(async () => {
        for (const database of databases) await database.drop();
      });

      test.each(SHOPS)(
        "the originals answer as SQL does: shop %#",
        async (at) => {
          const { number, variation } = chinook.shops[at]!;
          const database = await testDatabase();
          databases.push(database);
          const client = new pg.Client({ connectionString: database.url });
          await client.connect();
          try {
            await client.query(script().whole);
            await client.query(VARIATIONS[variation - 1]!.replaceAll("$k", String(number)));
            for (const question of ASKED) {
              const { rows } = await client.query(QUESTIONS[question]);
              expect(expected[at]![question], question).toEqual(plain(rows));
            }
          } finally {
            await client.end();
          }
        },
        60_000,
      );
    });
  });
});
