import { propertyOf, returned, type Expression } from "../../adopt/schema-files/syntax.js";
import type { ClientNode } from "./clients.js";
import { wirePoolOf } from "./wire-pool.js";
import type { Workbench } from "./workbench.js";

const GUARDED = "new Kysely({ dialect: new PostgresDialect({ pool: pw.postgres.pool }) })";

/** Gives Kysely's PostgreSQL dialect the guarded pool. */
export function wireKysely(bench: Workbench, client: ClientNode): void {
  const { file, node } = client;
  bench.wired(client);
  const [given] = node.arguments as Expression[];
  const dialect = given && propertyOf(file.names.valueOf(given), "dialect");
  const made = dialect && file.names.valueOf(dialect);
  if (made?.type !== "NewExpression") {
    bench.leave(file, node, "its dialect is not written out in this file", GUARDED);
    return;
  }
  const origin = file.names.origin(made.callee);
  if (origin?.module !== "kysely" || origin.name !== "PostgresDialect") {
    bench.leave(
      file,
      made,
      "this dialect is not on the driver that the guard is for. This version guards pg, with Kysely's own PostgresDialect",
      "new PostgresDialect({ pool: pw.postgres.pool })",
    );
    return;
  }
  const [options] = made.arguments as Expression[];
  const pool = options && propertyOf(file.names.valueOf(options), "pool");
  if (pool === undefined) {
    bench.leave(file, made, "its options are not written out in this file", GUARDED);
    return;
  }
  // A pool may be made when it is first needed.
  wirePoolOf(bench, returned(pool) ?? pool, file);
}
