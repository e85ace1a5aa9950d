import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import type { Expression } from "../../adopt/schema-files/syntax.js";
import { keyOf, stringOf } from "../../adopt/schema-files/syntax.js";
import { readText } from "./project.js";

/** What a TypeScript configuration says that decides how imports are written. */
export interface TypeScriptSettings {
  readonly module?: string;
  readonly moduleResolution?: string;
  readonly esModuleInterop?: boolean;
  readonly allowImportingTsExtensions?: boolean;
  /** Folder from which bare imports are looked for first, absolute. */
  readonly baseUrl?: string;
}

const DEEPEST = 10;

/** The settings of the project's `tsconfig.json` and of those it extends; undefined where it has none. */
export async function readTypeScriptSettings(
  folder: string,
): Promise<TypeScriptSettings | undefined> {
  const file = join(folder, "tsconfig.json");
  if (!existsSync(file)) return undefined;
  const { parseExpression } = await import("@babel/parser");
  const read = (path: string, depth: number): TypeScriptSettings => {
    const text = readText(path);
    if (text === undefined || depth > DEEPEST) return {};
    let whole: unknown;
    try {
      // JSON with comments and commas at the end is an expression of JavaScript.
      whole = valueOf(parseExpression(text));
    } catch (error) {
      if (error instanceof SyntaxError) return {};
      throw error;
    }
    const { extends: bases, compilerOptions } = record(whole);
    const inherited = [bases].flat().filter((base) => typeof base === "string");
    const settings: Record<string, unknown> = {};
    for (const base of inherited) {
      const found = baseFile(path, base);
      if (found !== undefined) Object.assign(settings, read(found, depth + 1));
    }
    const own = record(compilerOptions);
    for (const key of ["module", "moduleResolution"]) {
      const value = own[key];
      if (typeof value === "string") settings[key] = value.toLowerCase();
    }
    for (const key of ["esModuleInterop", "allowImportingTsExtensions"]) {
      if (typeof own[key] === "boolean") settings[key] = own[key];
    }
    const { baseUrl } = own;
    if (typeof baseUrl === "string") settings["baseUrl"] = resolve(dirname(path), baseUrl);
    return settings;
  };
  return read(file, 0);
}

function baseFile(from: string, base: string): string | undefined {
  if (/^\.{0,2}\//.test(base)) {
    const path = resolve(dirname(from), base);
    return [path, `${path}.json`, join(path, "tsconfig.json")].find(
      (one) => readText(one) !== undefined,
    );
  }
  // Resolving looks for files and runs none.
  for (const name of [base, `${base}.json`, `${base}/tsconfig.json`]) {
    try {
      return createRequire(from).resolve(name);
    } catch {
      // Under another name, or not installed, and then its settings cannot be known.
    }
  }
  return undefined;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** The value of an expression that is written out, as JSON is. */
function valueOf(node: Expression): unknown {
  if (node.type === "ObjectExpression") {
    return Object.fromEntries(
      node.properties.flatMap((property) => {
        if (property.type !== "ObjectProperty") return [];
        const key = keyOf(property);
        return key === undefined ? [] : [[key, valueOf(property.value as Expression)]];
      }),
    );
  }
  if (node.type === "ArrayExpression") {
    return node.elements.map((item) => (item === null ? null : valueOf(item as Expression)));
  }
  if (node.type === "BooleanLiteral" || node.type === "NumericLiteral") return node.value;
  return stringOf(node);
}
