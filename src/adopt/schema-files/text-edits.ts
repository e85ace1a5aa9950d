/** A file of the application's source. */
export interface SourceFile {
  readonly path: string;
  readonly content: string;
}

/** Something that a person has to do, since no edit of it would be safe, or has to know. */
export interface SchemaNote {
  /** The file and, counted from one, the line it is about; absent where it is about none. */
  readonly path?: string;
  readonly line?: number;
  /** The table, view or model, as the database or the schema file names it. */
  readonly object: string;
  /** What is left to do or to know. */
  readonly text: string;
}

/** What editing the schema files of an ORM came to, such as {@link editDrizzleSchema}. */
export interface SchemaEdits {
  /** Files that changed, whole; the others are as they were. */
  readonly files: readonly SourceFile[];
  readonly notes: readonly SchemaNote[];
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Changes of one text by positions in the original, so that all else stays as its author wrote it. */
export class TextEdits {
  readonly #text: string;
  readonly #edits: Edit[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  get isEmpty(): boolean {
    return this.#edits.length === 0;
  }

  /** Whether something is inserted at a place already. */
  has(at: number): boolean {
    return this.#edits.some(({ start, end }) => start === at && end === at);
  }

  /** Inserts; several at one place stand in the order in which they were asked for. */
  insert(at: number, text: string): void {
    this.#edits.push({ start: at, end: at, text });
  }

  replace(start: number, end: number, text: string): void {
    this.#edits.push({ start, end, text });
  }

  /** The changed text. Edits may touch one another, not overlap. */
  apply(): string {
    // Stable, so insertions at one place keep their order; they go before a replacement that starts there.
    const ordered = this.#edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
    let result = "";
    let at = 0;
    for (const { start, end, text } of ordered) {
      if (start < at)
        throw new RangeError(`Two edits of a schema file overlap at offset ${start}.`);
      result += this.#text.slice(at, start) + text;
      at = end;
    }
    return result + this.#text.slice(at);
  }
}

/** The line of an offset, counted from one. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line += 1;
  }
  return line;
}

/** The blanks that the line of an offset starts with. */
export function indentAt(text: string, offset: number): string {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? "";
}

/** How lines of a text end. */
export const lineEnd = (text: string) => (text.includes("\r\n") ? "\r\n" : "\n");
