import { createHash } from "node:crypto";
import {
  AS_WRITTEN,
  parseHeader,
  parseObject,
  parseTrailer,
  type ArchiveFormat,
  type ArchiveHead,
  type ArchiveTrailer,
} from "./archive.js";
import { RowSum } from "./checksum.js";
import { archiveLines, type ArchiveSource } from "./archive-lines.js";
import { invalidArchive } from "./refusal.js";

/** One row of an archive. */
export interface ArchiveRow<Values> {
  /** Index of its table in the header. */
  readonly table: number;
  readonly values: Values;
  /** How long its line is, in characters. */
  readonly length: number;
}

/**
 * Reads an archive as it comes. Nothing of it is to be kept before {@link rows} has ended: only the last line proves
 * that it is whole.
 */
export class ArchiveReader<Engine extends string, Strategy extends string, Table, Values> {
  readonly #format: ArchiveFormat<Engine, Strategy, Table, Values>;
  readonly #lines: AsyncGenerator<string, void>;
  readonly #digest = createHash("sha256");
  #line = 0;
  #header: ArchiveHead<Engine, Strategy, Table> | undefined;
  #trailer: ArchiveTrailer | undefined;

  constructor(source: ArchiveSource, format: ArchiveFormat<Engine, Strategy, Table, Values>) {
    this.#format = format;
    this.#lines = archiveLines(source);
  }

  /** The first line. Throws `PW_ARCHIVE_INVALID` for what is no archive of this kind of database. */
  async header(): Promise<ArchiveHead<Engine, Strategy, Table>> {
    const line = await this.#next();
    if (line === undefined) throw invalidArchive("The archive is empty.");
    this.#digest.update(`${line}\n`);
    return (this.#header = parseHeader(line, this.#format));
  }

  /** The rows, after the header. Throws `PW_ARCHIVE_INVALID` at the first sign of a change, at the latest at its end. */
  async *rows(): AsyncGenerator<ArchiveRow<Values>, void> {
    const { tables } = this.#header!;
    const sums = tables.map(() => new RowSum());
    let table = -1;
    for (let line = await this.#next(); line !== undefined; line = await this.#next()) {
      if (line.startsWith("[")) {
        const into = tables[table];
        if (into === undefined) throw this.#misplaced();
        sums[table]!.add(line);
        this.#digest.update(`${line}\n`);
        yield { table, values: this.#values(line, into), length: line.length };
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
      throw invalidArchive(
        `The rows of ${this.#format.titleOf(tables[index]!)} in the archive are not those that its last line tells of. ${AS_WRITTEN}`,
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

  #values(line: string, table: Table): Values {
    let values: Values | undefined;
    try {
      values = this.#format.valuesIn(line, table);
    } catch (cause) {
      throw invalidArchive(`Line ${this.#line} of the archive is no JSON. ${AS_WRITTEN}`, cause);
    }
    if (values === undefined) throw this.#misplaced();
    return values;
  }

  #misplaced() {
    return invalidArchive(
      `Line ${this.#line} of the archive is not what belongs there. ${AS_WRITTEN}`,
    );
  }
}
