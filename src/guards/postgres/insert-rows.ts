import { PartywallError } from "../../errors.js";
import { qualified, quoteIdentifier, tableName, type TableName } from "./ddl/identifier.js";
import type { SqlClient } from "./ddl/catalog.js";

/** What {@link insertRows} writes. */
export interface InsertRowsOptions {
  /** `"orders"`, `"sales.orders"` or `{ schema, name }`. */
  readonly table: string | TableName;
  /** Column names, in the order of each row's values; the tenant column is left out. */
  readonly columns: readonly string[];
  /** Rows, read as they are needed. */
  readonly rows: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>;
  /** Rows in one statement; default 500, fewer where the protocol's 65,535 parameters would not do. */
  readonly batchSize?: number;
}

const MOST_PARAMETERS = 65_535;

/**
 * Writes many rows by batched INSERT, where COPY FROM would be refused because the table has row security. Resolves
 * to the number of rows written. Throws `PW_CONFIG` for a row whose length differs from the columns'. Each batch is
 * one statement: give it a client in a transaction to have all or nothing.
 *
 * @param client a guarded pool or client
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { guardPg, insertRows } from "partywall/guards/postgres";
 *
 * const guard = guardPg(pg, { app: process.env["DATABASE_URL"] });
 * // inside pw.run():
 * await insertRows(guard.pool, {
 *   table: "orders",
 *   columns: ["id", "total"],
 *   rows: [[1, 10], [2, 20]],
 * });
 * ```
 */
export async function insertRows(client: SqlClient, options: InsertRowsOptions): Promise<number> {
  const { columns } = options;
  if (columns.length === 0 || columns.length > MOST_PARAMETERS) {
    throw new PartywallError("PW_CONFIG", "insertRows() needs between 1 and 65,535 columns.");
  }
  const most = Math.min(options.batchSize ?? 500, Math.floor(MOST_PARAMETERS / columns.length));
  const head = `insert into ${qualified(tableName(options.table))} (${columns.map(quoteIdentifier).join(", ")}) values `;
  let values: unknown[] = [];
  let rows = 0;
  let written = 0;
  const flush = async () => {
    if (rows === 0) return;
    const tuples = Array.from({ length: rows }, (_, row) => {
      const first = row * columns.length;
      return `(${columns.map((_column, index) => `$${first + index + 1}`).join(", ")})`;
    });
    await client.query(head + tuples.join(", "), values);
    written += rows;
    rows = 0;
    values = [];
  };
  for await (const row of options.rows) {
    if (row.length !== columns.length) {
      throw new PartywallError(
        "PW_CONFIG",
        `insertRows(): row ${written + rows + 1} has ${row.length} values for ${columns.length} columns. ${written} rows before it are written.`,
      );
    }
    values.push(...row);
    rows += 1;
    if (rows >= Math.max(most, 1)) await flush();
  }
  await flush();
  return written;
}
