import { memoryStore, mongoStore, postgresStore, type TenantStore } from "partywall/registry";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { DRIVERS } from "../guards/mongodb/drivers.js";
import { describeEngine } from "../support/engine.js";
import type { MongoFeature } from "../support/mongo-features.js";
import { describeMongo } from "../support/mongo.js";
import { testDatabase, type TestDatabase } from "../support/postgres.js";

/** Stores of one kind; all are closed after the test. */
export interface Stores {
  /** A store over nothing yet. */
  open(): TenantStore;
  /** Stores over the same records, nothing yet, as so many processes have them. */
  openMany(count: number): TenantStore[];
  /** As `testNeeding` of `describeMongo`, of servers of MongoDB's protocol; every other store has what it takes. */
  testNeeding(feature: MongoFeature, name: string, run: () => Promise<void>): void;
}

/** Opens a store over the records that a number stands for. */
type Opening = (records: number) => TenantStore;

/**
 * Runs a suite once on each kind of store there is, the one on MongoDB with the newest driver unless told.
 *
 * @example
 * ```ts
 * describeStores("a store", (stores) => {
 *   test("…", async () => { await stores.open().insert(record()); });
 * });
 * ```
 */
export function describeStores(
  title: string,
  suite: (stores: Stores) => void,
  drivers: typeof DRIVERS = DRIVERS.slice(0, 1),
): void {
  describe(`${title}, in memory`, () => {
    const kept = new Map<number, TenantStore>();
    const opening: Opening = (records) => {
      const store = kept.get(records) ?? memoryStore();
      kept.set(records, store);
      return store;
    };
    suite(storesOf(opening));
  });

  describeEngine("postgres", `${title}, in PostgreSQL`, () => {
    let database: TestDatabase;
    beforeAll(async () => void (database = await testDatabase()));
    afterAll(() => database.drop());
    suite(
      storesOf((records) =>
        postgresStore(pg, { connectionString: database.url, table: `tenants_${records}` }),
      ),
    );
  });

  describeMongo(`${title}, in MongoDB`, (mongo) => {
    let database: string;
    beforeAll(() => void (database = mongo.database().databaseName));
    for (const [name, driver] of drivers) {
      describe(`with ${name}`, () => {
        const prefix = `tenants_${DRIVERS.findIndex((one) => one[1] === driver)}`;
        const opening: Opening = (records) =>
          mongoStore(driver, { url: mongo.url, database, collection: `${prefix}_${records}` });
        suite(storesOf(opening, mongo.testNeeding));
      });
    }
  });
}

function storesOf(
  opening: Opening,
  // oxlint-disable-next-line vitest/expect-expect -- the caller's test has its own
  testNeeding: Stores["testNeeding"] = (_, name, run) => test(name, run),
): Stores {
  let records = 0;
  const closers: (() => Promise<void> | undefined)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  const openMany = (count: number): TenantStore[] => {
    records += 1;
    return Array.from({ length: count }, () => {
      const store = opening(records);
      const { close } = store;
      closers.push(async () => close?.());
      return store;
    });
  };
  return { openMany, open: () => openMany(1)[0]!, testNeeding };
}
