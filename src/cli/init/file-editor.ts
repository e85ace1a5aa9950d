import { placeOf, type Place } from "../../adopt/schema-files/syntax.js";
import { TextEdits } from "../../adopt/schema-files/text-edits.js";
import type { SourceFile } from "./source-file.js";
import { inStyle, isEsModule, styleOf, type Modules, type Style } from "./style.js";
import { findUnmentioned } from "./unmentioned.js";

/** A statement at the top of a file or in a block. */
export type Statement = SourceFile["program"]["body"][number];

/** An import to be in a file. */
interface Wanted {
  readonly name: string;
  readonly local: string;
  readonly module: string;
}

/** Changes one source file and leaves the rest of it as its author wrote it. */
export class FileEditor {
  readonly file: SourceFile;
  readonly style: Style;
  /** Whether the file imports, and does not require. */
  readonly esm: boolean;
  readonly #replaced: (Place & { readonly text: string })[] = [];
  readonly #inserted: { readonly at: number; readonly text: string }[] = [];
  readonly #imports: Wanted[] = [];

  constructor(file: SourceFile, modules: Modules) {
    this.file = file;
    this.style = styleOf(file);
    this.esm = isEsModule(file, modules);
  }

  /** Puts a text where a node is, as it stands; `styled` gives it the file's quotes. */
  replace(
    node: { readonly start?: number | null; readonly end?: number | null },
    text: string,
  ): void {
    this.#replaced.push({ ...placeOf(node), text });
  }

  /** Puts texts before and behind a node, as they stand. */
  wrap(
    node: { readonly start?: number | null; readonly end?: number | null },
    before: string,
    after: string,
  ): void {
    const { start, end } = placeOf(node);
    this.#inserted.push({ at: start, text: before }, { at: end, text: after });
  }

  /** A text with double quotes as this file writes it. */
  styled(text: string): string {
    return inStyle(text, this.style);
  }

  /**
   * Puts lines, written without indentation, before a statement and the comments that belong to it; `apart` from it where
   * a blank line parts it from what stands above.
   */
  insertBefore(statement: Statement, added: readonly string[], apart = false): void {
    const { text } = this.file;
    const start = startWithComments(statement, text);
    const before = text.slice(lineStartOf(text, start), start);
    const isApart = apart && /\n[ \t]*\r?\n[ \t]*$/.test(text.slice(0, start));
    const lines = isApart ? [...added, ""] : added;
    // Where it stands behind another statement, there is no line to stand on.
    const written = /^[ \t]*$/.test(before)
      ? `${indented(lines, before)}\n${before}`
      : `${lines.filter((line) => line !== "").join(" ")} `;
    this.#inserted.push({ at: start, text: inStyle(written, this.style) });
  }

  /** Puts lines, written without indentation, behind a statement. */
  insertAfter(statement: Statement, lines: readonly string[]): void {
    const { text } = this.file;
    const { start, end } = placeOf(statement);
    const indent = /^[ \t]*/.exec(text.slice(lineStartOf(text, start), start))![0];
    const written = `\n${lines[0] === "" ? "" : indent}${indented(lines, indent)}`;
    this.#inserted.push({ at: lineEndOf(text, end), text: inStyle(written, this.style) });
  }

  /** Imports a name of a module, and gives what it is called in this file. */
  import(name: string, module: string): string {
    const known = this.#imports.find((one) => one.name === name && one.module === module);
    if (known !== undefined) return known.local;
    const local = this.file.names.free(name);
    this.#imports.push({ name, local, module });
    return local;
  }

  /** The changed text: the new imports are there, and those that nothing mentions any more are gone. */
  result(): string {
    const edits = new TextEdits(this.file.text);
    const { newline } = this.style;
    const added = this.#imports.map((one) => this.#importLine(one)).join("");
    const last = this.#lastImport();
    const removed = findUnmentioned(this.file, this.#replaced);
    // Where the import below which the new ones belong goes away, they take its place.
    const heir = last && removed.find(({ start, end }) => start <= last.start && last.end <= end);
    if (added !== "" && heir === undefined) {
      if (last) {
        const line = added.slice(0, -newline.length);
        edits.insert(lineEndOf(this.file.text, last.end), `${newline}${line}`);
      } else {
        edits.insert(this.#top(), added);
      }
    }
    for (const place of removed) {
      edits.replace(place.start, place.end, place === heir ? added : "");
    }
    for (const { start, end, text } of this.#replaced) edits.replace(start, end, text);
    for (const { at, text } of this.#inserted) edits.insert(at, text);
    return edits.apply();
  }

  #importLine({ name, local, module }: Wanted): string {
    const line = this.esm
      ? `import { ${name === local ? name : `${name} as ${local}`} } from "${module}";\n`
      : `const { ${name === local ? name : `${name}: ${local}`} } = require("${module}");\n`;
    return inStyle(line, this.style);
  }

  /** The last of the imports at the top, or of the directives. */
  #lastImport(): Place | undefined {
    const { body, directives } = this.file.program;
    let last: Statement | undefined;
    if (this.esm) {
      last = body.findLast(({ type }) => type === "ImportDeclaration");
    } else {
      for (const statement of body) {
        // Further down they may depend on what stands above them.
        if (!isRequire(statement, this.file.text)) break;
        last = statement;
      }
    }
    const above = last ?? directives.at(-1);
    return above && placeOf(above);
  }

  /** Where the first line of code may stand. */
  #top(): number {
    const [first] = this.file.program.body;
    return first ? startWithComments(first, this.file.text) : this.file.text.length;
  }
}

const lineStartOf = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;

/** The end of a line where only a comment follows; otherwise the place itself. */
function lineEndOf(text: string, at: number): number {
  const rest = /^[ \t]*(?:\/\/[^\r\n]*)?(?=\r?\n|$)/.exec(text.slice(at));
  return at + (rest?.[0].length ?? 0);
}

/** Lines under one another, the first without indentation. */
function indented(lines: readonly string[], indent: string): string {
  return lines.map((line, at) => (at === 0 || line === "" ? line : indent + line)).join("\n");
}

function isRequire(statement: Statement, text: string): boolean {
  if (statement.type === "VariableDeclaration") {
    return statement.declarations.every(({ init }) => init && startsRequire(init, text));
  }
  return statement.type === "ExpressionStatement" && startsRequire(statement, text);
}

const startsRequire = (node: { readonly start?: number | null }, text: string): boolean =>
  /^require\s*\(/.test(text.slice(node.start ?? 0, (node.start ?? 0) + 20));

/** Where a statement begins, with the comments right above it. */
function startWithComments(statement: Statement, text: string): number {
  let { start } = placeOf(statement);
  for (const comment of (statement.leadingComments ?? []).toReversed()) {
    const place = placeOf(comment);
    const isOwnLine = /^[ \t]*$/.test(text.slice(lineStartOf(text, place.start), place.start));
    // A comment apart by a blank line is a heading, and one behind a statement is that statement's.
    if (!isOwnLine || !/^[ \t]*(?:\r?\n[ \t]*)?$/.test(text.slice(place.end, start))) break;
    start = place.start;
  }
  return start;
}
