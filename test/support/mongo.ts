import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { MongoClient, type Db } from "mongodb";
import { afterAll, beforeAll, test, type TestFunction } from "vitest";
import { describeEngine, engineUrl } from "./engine.js";
import { hasFeature, type MongoFeature } from "./mongo-features.js";
import { startMongoProgram } from "./mongo-program.js";
import { MONGO_ENGINES, type MongoEngine } from "./mongo-servers.js";
import { SKIPPED_FOR } from "./skipped-reporter.js";

/** A server of one test file's own, or MongoDB's by its address. */
export interface MongoServer {
  readonly engine: MongoEngine;
  /** For example `mongodb://127.0.0.1:<port>/`. */
  readonly url: string;
  /** An unguarded connection to see and say what really is there; closed by `stop`. */
  readonly client: MongoClient;
  /** A database of a name that nobody else has, through `client`; removed by `stop`. */
  database(): Db;
  /** Stops the server and removes its files. */
  stop(): Promise<void>;
}

/** Starts one of the servers on a free port of 127.0.0.1, with its data in memory or in a temporary folder. */
export async function startMongo(engine: MongoEngine): Promise<MongoServer> {
  const where = engineUrl(engine);
  const running = where.startsWith("file:")
    ? await startMongoProgram(engine, fileURLToPath(where))
    : { url: where, stop: async () => undefined };
  const client = new MongoClient(running.url);
  const databases: Db[] = [];
  const stop = async (): Promise<void> => {
    try {
      for (const database of databases.splice(0)) await database.dropDatabase();
      await client.close();
    } finally {
      await running.stop();
    }
  };
  try {
    await client.connect();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    engine,
    url: running.url,
    client,
    database: () => {
      const database = client.db(`pw_${process.pid}_${randomBytes(4).toString("hex")}`);
      databases.push(database);
      return database;
    },
    stop,
  };
}

/** What a suite of {@link describeMongo} is given: the server from `beforeAll` to `afterAll`, and `test` by what it needs. */
export interface MongoSuite extends Omit<MongoServer, "stop"> {
  /** A test for servers that have a feature; on others it is skipped, and named at the end of the run. */
  testNeeding(feature: MongoFeature, name: string, run: TestFunction): void;
}

/**
 * Runs a suite once on each server, each with one of its own; see `describeEngine` for where one is missing.
 *
 * @example
 * ```ts
 * describeMongo("documents are kept apart", (mongo) => {
 *   test("…", async () => { await mongo.database().collection("orders").insertOne({}); });
 *   mongo.testNeeding("transactions", "…", async () => {});
 * });
 * ```
 */
export function describeMongo(title: string, suite: (mongo: MongoSuite) => void): void {
  for (const engine of MONGO_ENGINES) {
    describeEngine(engine, `${title}, on ${engine}`, () => {
      let server: MongoServer | undefined;
      beforeAll(async () => void (server = await startMongo(engine)));
      afterAll(() => server?.stop());
      const started = (): MongoServer => {
        if (server !== undefined) return server;
        throw new Error(
          "The server is there from beforeAll on: ask for it in a hook or in a test.",
        );
      };
      suite({
        engine,
        get url() {
          return started().url;
        },
        get client() {
          return started().client;
        },
        database: () => started().database(),
        testNeeding: (feature, name, run) => {
          if (hasFeature(engine, feature)) test(name, run);
          else test.skip(`${name}${SKIPPED_FOR}${feature} on ${engine}`, () => {});
        },
      });
    });
  }
}
