import { displayWidth, padded, printable, truncate } from "./display-width.js";

/** A column of a table for people. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Numbers stand at the right. */
  readonly align?: "right";
}

const GAP = "  ";
const NARROWEST = 8;

/** A table whose rows come page by page: the first page decides the widths. */
export class Table<Row> {
  readonly #columns: readonly Column<Row>[];
  readonly #room: number;
  #widths: readonly number[] | undefined;

  /** `room` is how many cells a line may fill; `Infinity` where lines may be as long as they are. */
  constructor(columns: readonly Column<Row>[], room: number) {
    this.#columns = columns;
    this.#room = room;
  }

  /** The lines of these rows, under the titles when they are the first. */
  lines(rows: readonly Row[]): string[] {
    const cells = rows.map((row) => this.#columns.map(({ value }) => printable(value(row))));
    if (this.#widths !== undefined) return cells.map((line) => this.#line(line));
    const titles = this.#columns.map(({ title }) => title);
    this.#widths = fitted([titles, ...cells], this.#room);
    return [titles, ...cells].map((line) => this.#line(line));
  }

  #line(cells: readonly string[]): string {
    const last = cells.length - 1;
    return cells
      .map((cell, at) => {
        const width = this.#widths![at]!;
        const text = Number.isFinite(this.#room) ? truncate(cell, width) : cell;
        if (this.#columns[at]!.align === "right") {
          return " ".repeat(Math.max(0, width - displayWidth(text))) + text;
        }
        return at === last ? text : padded(text, width);
      })
      .join(GAP);
  }
}

/** The lines of one whole table. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  room: number,
): string[] {
  return new Table(columns, room).lines(rows);
}

/** The width of each column: what its widest cell needs, the widest columns narrowed until the line fits. */
function fitted(lines: readonly (readonly string[])[], room: number): number[] {
  const widths = (lines[0] ?? []).map((_, at) =>
    Math.max(...lines.map((line) => displayWidth(line[at]!))),
  );
  const total = (): number =>
    widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
  while (total() > room) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.indexOf(widest)] = Math.max(NARROWEST, widest - Math.min(total() - room, 8));
  }
  return widths;
}
