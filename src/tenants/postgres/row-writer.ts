import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";

/** The value of one column of one row. */
export type Value = string | null;

// A statement has at most 65,535 parameters; what is gained by more than this is little.
const MOST_VALUES = 8000;
const MOST_CHARACTERS = 1024 * 1024;

/**
 * Writes rows in batches of about 1 MB. A value is a parameter without a type, so that it is read by the input function
 * of its column. (COPY is not to be had under row security.)
 */
export class RowWriter {
  readonly #client: SqlClient;
  readonly #table: string;
  readonly #columns: readonly string[];
  readonly #most: number;
  #values: Value[] = [];
  #rows = 0;
  #characters = 0;

  /** @param table as a statement names it */
  constructor(client: SqlClient, table: string, columns: readonly string[]) {
    this.#client = client;
    this.#table = table;
    this.#columns = columns;
    this.#most = Math.max(1, Math.floor(MOST_VALUES / Math.max(1, columns.length)));
  }

  /** Takes one row of so many characters; resolves when there is room for the next. */
  async add(values: readonly Value[], characters: number): Promise<void> {
    if (this.#rows > 0 && this.#characters + characters > MOST_CHARACTERS) await this.flush();
    for (const value of values) this.#values.push(value);
    this.#rows += 1;
    this.#characters += characters;
    if (this.#rows >= this.#most) await this.flush();
  }

  /** Writes what has not been written yet. */
  async flush(): Promise<void> {
    const rows = this.#rows;
    if (rows === 0) return;
    const values = this.#values;
    this.#values = [];
    this.#rows = this.#characters = 0;
    if (this.#columns.length === 0) {
      for (let row = 0; row < rows; row += 1) {
        await this.#client.query(`insert into ${this.#table} default values`);
      }
      return;
    }
    await this.#client.query(this.#statement(rows), values);
  }

  #statement(rows: number): string {
    const width = this.#columns.length;
    const lines: string[] = [];
    for (let row = 0; row < rows; row += 1) {
      const places = this.#columns.map((_, column) => `$${row * width + column + 1}`);
      lines.push(`(${places.join(", ")})`);
    }
    const columns = this.#columns.map(quoteIdentifier).join(", ");
    return `insert into ${this.#table} (${columns}) overriding system value values ${lines.join(", ")}`;
  }
}
