import { createHash } from "node:crypto";
import {
  AS_WRITTEN,
  parseHeader,
  parseObject,
  parseTrailer,
  type ArchiveHeader,
  type ArchiveTrailer,
} from "./archive.js";
import { RowSum } from "./checksum.js";
import { archiveLines, type ArchiveSource } from "./archive-lines.js";
import { invalidArchive } from "./refusal.js";

/** One row of an archive. */
export interface ArchiveRow {
  /** Index of its table in the header. */
  readonly table: number;
  readonly values: readonly (string | null)[];
  /** How long its line is, in characters. */
  readonly length: number;
}

/**
 * Reads an archive as it comes. Nothing of it is to be kept before {@link rows} has ended: only the last line proves
 * that it is whole.
 */
export class ArchiveReader {
  readonly #lines: AsyncGenerator<string, void>;
  readonly #digest = createHash("sha256");
  #line = 0;
  #header: ArchiveHeader | undefined;
  #trailer: ArchiveTrailer | undefined;

  constructor(source: ArchiveSource) {
    this.#lines = archiveLines(source);
  }

  /** The first line. Throws `PW_ARCHIVE_INVALID` for what is no archive. */
  async header(): Promise<ArchiveHeader> {
    const line = await this.#next();
    if (line === undefined) throw invalidArchive("The archive is empty.");
    this.#digest.update(`${line}\n`);
    return (this.#header = parseHeader(line));
  }

  /** The rows, after the header. Throws `PW_ARCHIVE_INVALID` at the first sign of a change, at the latest at its end. */
  async *rows(): AsyncGenerator<ArchiveRow, void> {
    const { tables } = this.#header!;
    const sums = tables.map(() => new RowSum());
    let table = -1;
    for (let line = await this.#next(); line !== undefined; line = await this.#next()) {
      if (line.startsWith("[")) {
        const columns = tables[table]?.columns.length;
        if (columns === undefined) throw this.#misplaced();
        sums[table]!.add(line);
        this.#digest.update(`${line}\n`);
        yield { table, values: this.#values(line, columns), length: line.length };
        continue;
      }
      const value = parseObject(line, this.#line);
      if (value["end"] === true) {
        await this.#end(parseTrailer(value, tables.length), sums);
        return;
      }
      // In order, so that a row's parents have come before it.
      if (value["table"] !== table + 1 || table + 1 >= tables.length) throw this.#misplaced();
      table += 1;
      this.#digest.update(`${line}\n`);
    }
    throw invalidArchive(
      `The archive ends at line ${this.#line}, before its last line: it was cut. Take it from where it was first kept.`,
    );
  }

  /** The last line, once {@link rows} has ended. */
  get trailer(): ArchiveTrailer {
    return this.#trailer!;
  }

  /** Lets go of what it reads from. */
  async close(): Promise<void> {
    await this.#lines.return();
  }

  async #next(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next().catch((error: unknown) => {
      // What decompresses the archive finds out first where it was cut or altered.
      const { code } = error as NodeJS.ErrnoException;
      if (typeof code !== "string" || !code.startsWith("Z_")) throw error;
      throw invalidArchive(`The archive could not be decompressed. ${AS_WRITTEN}`, error);
    });
    if (done) return undefined;
    this.#line += 1;
    return value;
  }

  async #end(trailer: ArchiveTrailer, sums: readonly RowSum[]): Promise<void> {
    const { tables } = this.#header!;
    for (const [index, sum] of sums.entries()) {
      const { rows, checksum } = sum.result();
      const told = trailer.tables[index]!;
      if (rows === told.rows && checksum === told.checksum) continue;
      const { schema, name } = tables[index]!;
      throw invalidArchive(
        `The rows of ${schema}.${name} in the archive are not those that its last line tells of. ${AS_WRITTEN}`,
      );
    }
    if (this.#digest.digest("hex") !== trailer.sha256) {
      throw invalidArchive(`The archive does not have the digest of its last line. ${AS_WRITTEN}`);
    }
    if ((await this.#next()) !== undefined) {
      throw invalidArchive(`Something comes behind the last line of the archive. ${AS_WRITTEN}`);
    }
    this.#trailer = trailer;
  }

  #values(line: string, columns: number): readonly (string | null)[] {
    let values: unknown;
    try {
      values = JSON.parse(line);
    } catch (cause) {
      throw invalidArchive(`Line ${this.#line} of the archive is no JSON. ${AS_WRITTEN}`, cause);
    }
    if (
      Array.isArray(values) &&
      values.length === columns &&
      values.every((value) => value === null || typeof value === "string")
    ) {
      return values as (string | null)[];
    }
    throw this.#misplaced();
  }

  #misplaced() {
    return invalidArchive(
      `Line ${this.#line} of the archive is not what belongs there. ${AS_WRITTEN}`,
    );
  }
}
