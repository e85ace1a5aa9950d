import { createHash } from "node:crypto";

/**
 * How many rows there are, and a sum over them that their order has no part in: of each row's canonical text, the
 * first 64 bits of its SHA-256, added up as signed numbers.
 */
export interface TableSum {
  readonly rows: number;
  /** Decimal; `"0"` for no rows. */
  readonly checksum: string;
}

/** Adds up rows as they pass. */
export class RowSum {
  #rows = 0;
  #sum = 0n;

  /** Adds one row's canonical text. */
  add(row: string): void {
    this.#rows += 1;
    this.#sum += createHash("sha256").update(row).digest().readBigInt64BE(0);
  }

  result(): TableSum {
    return { rows: this.#rows, checksum: this.#sum.toString() };
  }
}
