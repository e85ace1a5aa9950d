import type { parse } from "@babel/parser";
import type { Program } from "../../adopt/schema-files/syntax.js";
import { Names } from "./identifiers.js";

/** A source file, read. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly names: Names;
}

/** Reads source files, each once. */
export class SourceFiles {
  readonly #sources: ReadonlyMap<string, string>;
  readonly #parse: typeof parse;
  readonly #read = new Map<string, SourceFile | undefined>();

  private constructor(sources: ReadonlyMap<string, string>, parser: typeof parse) {
    this.#sources = sources;
    this.#parse = parser;
  }

  /** Takes the text of each file by its path. */
  static async of(sources: ReadonlyMap<string, string>): Promise<SourceFiles> {
    const parser = await import("@babel/parser");
    return new SourceFiles(sources, parser.parse);
  }

  get paths(): readonly string[] {
    return [...this.#sources.keys()];
  }

  has(path: string): boolean {
    return this.#sources.has(path);
  }

  text(path: string): string {
    return this.#sources.get(path) ?? "";
  }

  /** The file, or undefined where its text is not understood. */
  get(path: string): SourceFile | undefined {
    if (!this.#read.has(path)) this.#read.set(path, this.#parsed(path));
    return this.#read.get(path);
  }

  #parsed(path: string): SourceFile | undefined {
    const text = this.#sources.get(path);
    if (text === undefined) return undefined;
    try {
      const { program } = this.#parse(text, {
        sourceType: "unambiguous",
        allowReturnOutsideFunction: true,
        plugins: [
          "decorators-legacy",
          "explicitResourceManagement",
          ...(/\.[cm]?tsx?$/.test(path) ? (["typescript"] as const) : []),
          // In plain TypeScript `<T>value` is a cast.
          ...(/\.[cm]?ts$/.test(path) ? [] : (["jsx"] as const)),
        ],
      });
      return { path, text, program, names: new Names(program) };
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** The file that a relative import means, by the rules of TypeScript and bundlers; undefined where there is none. */
  resolve(from: string, specifier: string): string | undefined {
    if (!/^\.\.?(?:\/|$)/.test(specifier)) return undefined;
    const parts = from.split("/").slice(0, -1);
    for (const part of specifier.split("/")) {
      if (part === "..") parts.pop();
      else if (part !== "." && part !== "") parts.push(part);
    }
    const base = parts.join("/");
    const stem = base.replace(/\.[cm]?jsx?$/, "");
    const endings = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];
    return [
      base,
      ...endings.map((ending) => `${stem}.${ending}`),
      ...endings.map((ending) => `${base}.${ending}`),
      ...endings.map((ending) => `${base}/index.${ending}`),
    ].find((path) => this.#sources.has(path));
  }
}
