import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import type { World } from "../world.js";

/** The table whose constraint fails at the end of a transaction; for `buildWorld`. */
export const PAIRS = {
  ddl: "create table pairs (tenant_id uuid not null, id int not null, unique (tenant_id, id) deferrable initially deferred)",
  tables: ["pairs"],
} as const;

// Answers are matched to statements by their order alone. A cursor closed while it reads sends two Syncs when its
// transaction then fails; were the connection lent on, each would get the answer of the statement before.
const LATE_FAILURE = "insert into pairs (id) select 1 from generate_series(1, 10) returning id";

/** Ways to make a connection's answers run out of step with its statements. */
export const LATE_FAILURES: Record<string, (world: World) => Promise<void>> = {
  "a cursor closed while it reads": async (world) => {
    const client = await world.pool.connect();
    client.on("error", () => undefined);
    const cursor = client.query(new Cursor(LATE_FAILURE));
    await cursor.read(1);
    const reading = cursor.read(1).catch(() => undefined);
    const closing = cursor.close().catch(() => undefined);
    await Promise.race([reading, closing]);
    client.release();
  },
  "a cursor released while it closes": async (world) => {
    const client = await world.pool.connect();
    client.on("error", () => undefined);
    const cursor = client.query(new Cursor(LATE_FAILURE));
    await cursor.read(1);
    cursor.read(1).catch(() => undefined);
    cursor.close().catch(() => undefined);
    client.release();
  },
  "a stream destroyed while it reads": async (world) => {
    const client = await world.pool.connect();
    client.on("error", () => undefined);
    const stream = client.query(new QueryStream(LATE_FAILURE, [], { batchSize: 1 }));
    stream.on("error", () => undefined);
    stream.once("data", () => stream.destroy());
    await new Promise((resolve) => {
      stream.once("close", resolve);
    });
    client.release();
  },
};
