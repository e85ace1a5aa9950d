import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { failed, refused } from "../refusal.js";
import type { MatchedTable } from "./match.js";
import { keyOf, type LateKey } from "./order.js";
import type { Premises } from "./premises.js";
import { RowWriter, type Value } from "./row-writer.js";
import { isTenants } from "./rows.js";
import { source, titleOf } from "./tables.js";

/** Keeps the columns that are null at first beside the key of their row, and sets them when every row is there. */
export class LateColumns {
  readonly #premises: Premises;
  readonly #table: MatchedTable;
  readonly #temporary: string;
  readonly #key: readonly string[];
  readonly #columns: readonly string[];
  readonly #writer: RowWriter;
  readonly #keyAt: readonly number[];
  readonly #columnsAt: readonly number[];

  /** @param number tells the temporary tables of one import apart */
  constructor(premises: Premises, table: MatchedTable, late: readonly LateKey[], number: number) {
    const names = table.columns.map(({ name }) => name);
    this.#premises = premises;
    this.#table = table;
    this.#temporary = `pg_temp.partywall_late_${number}`;
    this.#key = keyOf(table.into)!;
    this.#columns = [...new Set(late.flatMap(({ columns }) => columns))].filter((name) =>
      names.includes(name),
    );
    this.#keyAt = this.#key.map((name) => names.indexOf(name));
    this.#columnsAt = this.#columns.map((name) => names.indexOf(name));
    this.#writer = new RowWriter(premises.client, this.#temporary, [
      ...this.#key,
      ...this.#columns,
    ]);
  }

  /** Creates the temporary table. */
  async open(): Promise<void> {
    const { into } = this.#table;
    if (this.#keyAt.includes(-1)) {
      throw refused(
        `The archive does not have the primary key of ${titleOf(into)}, whose rows point at each other. Export it again with that key.`,
      );
    }
    const columns = [...this.#key, ...this.#columns].map(quoteIdentifier).join(", ");
    try {
      await this.#premises.client.query(
        `create temporary table ${this.#temporary} on commit drop as select ${columns} from ${source(into)} with no data`,
      );
    } catch (cause) {
      throw failed(
        `No temporary table could be created, which the foreign keys of ${titleOf(into)} need: its rows point at each other. Grant this login TEMPORARY on the database, or make the keys DEFERRABLE.`,
        cause,
      );
    }
  }

  /** Takes what must wait out of a row, and gives the row without it. */
  async take(values: readonly Value[], characters: number): Promise<readonly Value[]> {
    if (this.#columnsAt.every((at) => values[at] === null)) return values;
    const kept = [...this.#keyAt, ...this.#columnsAt].map((at) => values[at]!);
    await this.#writer.add(kept, characters);
    return values.map((value, at) => (this.#columnsAt.includes(at) ? null : value));
  }

  /** Sets what was taken. */
  async set(): Promise<void> {
    await this.#writer.flush();
    const { into } = this.#table;
    const columns = this.#columns.map(quoteIdentifier);
    const same = this.#key.map((name) => `t.${quoteIdentifier(name)} = l.${quoteIdentifier(name)}`);
    await this.#premises.client.query(
      `update ${source(into)} t set ${columns.map((name) => `${name} = l.${name}`).join(", ")} from ${this.#temporary} l where ${same.join(" and ")} and ${isTenants(this.#premises, into)}`,
    );
  }
}
