import { placeOf, type Program } from "./syntax.js";
import { lineAt, TextEdits, type SchemaNote, type SourceFile } from "./text-edits.js";

/** A file of TypeScript or JavaScript, read. */
export interface ModuleFile {
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly edits: TextEdits;
  readonly isTyped: boolean;
  /** Writes a string with the quotes that the file has. */
  readonly quote: (text: string) => string;
}

/** The files of models or types, read together, with what is said of them. */
export class ModuleFiles {
  readonly files: readonly ModuleFile[];
  readonly notes: SchemaNote[];
  readonly #parse: Parse;

  private constructor(files: readonly ModuleFile[], notes: SchemaNote[], parse: Parse) {
    this.files = files;
    this.notes = notes;
    this.#parse = parse;
  }

  /** Reads files. One that cannot be read is left out, and noted. */
  static async read(sources: readonly SourceFile[]): Promise<ModuleFiles> {
    const parse = await parser();
    const notes: SchemaNote[] = [];
    const files = sources.flatMap(({ path, content }): ModuleFile[] => {
      const program = parse(path, content);
      if (program === undefined) {
        notes.push({
          path,
          object: path,
          text: "This file could not be read as TypeScript or JavaScript, so it was left as it is.",
        });
        return [];
      }
      const edits = new TextEdits(content);
      const isTyped = isTypeScript(path);
      return [{ path, text: content, program, edits, isTyped, quote: quoting(content) }];
    });
    return new ModuleFiles(files, notes, parse);
  }

  /** Says something of what stands at a node. */
  note(file: ModuleFile, node: Parameters<typeof placeOf>[0], object: string, text: string): void {
    const line = lineAt(file.text, placeOf(node).start);
    this.notes.push({ path: file.path, line, object, text });
  }

  /** The files that changed. One that the edits would break is left out, and noted. */
  changed(): SourceFile[] {
    return this.files.flatMap(({ path, edits }): SourceFile[] => {
      if (edits.isEmpty) return [];
      const content = edits.apply();
      if (this.#parse(path, content) !== undefined) return [{ path, content }];
      this.notes.push({
        path,
        object: path,
        text: "The edits would have broken this file, so it was left as it is. Edit it by hand.",
      });
      return [];
    });
  }
}

const isTypeScript = (path: string) => /\.[cm]?tsx?$/.test(path);

type Parse = (path: string, content: string) => Program | undefined;

async function parser(): Promise<Parse> {
  const { parse } = await import("@babel/parser");
  return (path, content) => {
    try {
      return parse(content, {
        sourceType: "unambiguous",
        allowReturnOutsideFunction: true,
        plugins: [
          "decorators-legacy",
          ...(isTypeScript(path) ? (["typescript"] as const) : []),
          // In plain TypeScript `<T>value` is a cast.
          ...(/\.[cm]?ts$/.test(path) ? [] : (["jsx"] as const)),
        ],
      }).program;
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  };
}

function quoting(source: string): (text: string) => string {
  const first = /(?:\bfrom|\brequire\(|\bimport)\s*(["'])/.exec(source)?.[1];
  const isSingle =
    first === undefined ? source.split("'").length > source.split('"').length : first === "'";
  return (text) => {
    const double = JSON.stringify(text);
    if (!isSingle) return double;
    return `'${double
      .slice(1, -1)
      .replaceAll('\\"', '"')
      .replaceAll("'", String.raw`\'`)}'`;
  };
}
