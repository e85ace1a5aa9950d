import type { SourceFile, SourceFiles } from "./source-file.js";
import type { TypeScriptSettings } from "./tsconfig.js";

/** How a file is written, so that what is added to it looks like the rest. */
export interface Style {
  readonly quote: '"' | "'";
  readonly semicolons: boolean;
  /** How lines end. */
  readonly newline: "\n" | "\r\n";
}

/** How modules of a project name each other. */
export interface Modules {
  readonly system: "esm" | "commonjs";
  readonly typescript: boolean;
  /** Ending of a relative import: `.js`, `.ts`, or none. */
  readonly ending: "" | ".js" | ".ts";
  /** Ending of a new file. */
  readonly extension: "ts" | "js" | "mjs";
}

/** The style of a file: that of its imports and first texts. */
export function styleOf({ text, program }: SourceFile): Style {
  const quotes = [...text.matchAll(/(?:from|require\(|import|=)\s*(["'])/g)].map(
    (found) => found[1]!,
  );
  const single = quotes.filter((quote) => quote === "'").length;
  const statements = [...program.body, ...program.directives].filter(({ type }) =>
    /^(?:Import|Variable|Expression|Directive)/.test(type),
  );
  const ended = statements.filter(({ end }) => text[(end ?? 0) - 1] === ";").length;
  return {
    quote: single * 2 > quotes.length ? "'" : '"',
    semicolons: statements.length === 0 || ended * 2 >= statements.length,
    newline: text.includes("\r\n") ? "\r\n" : "\n",
  };
}

/** Writes text that has double quotes, semicolons and line feeds in a style. */
export function inStyle(text: string, { quote, semicolons, newline }: Style): string {
  const quoted = quote === '"' ? text : text.replaceAll('"', "'");
  const ended = semicolons ? quoted : quoted.replaceAll(/;$/gm, "");
  return newline === "\n" ? ended : ended.replaceAll("\n", newline);
}

/** Whether a file is an ES module, or is compiled from one. */
export function isEsModule({ path, text, program }: SourceFile, modules: Modules): boolean {
  if (/\.c[jt]s$/.test(path)) return path.endsWith(".cts");
  if (/\.[cm]?tsx?$/.test(path))
    return !/=\s*require\(|module\.exports/.test(text) || program.sourceType === "module";
  return program.sourceType === "module" || (modules.system === "esm" && !path.endsWith(".cjs"));
}

/** How relative imports end in a file, by those it has; otherwise as the project has them. */
export function endingOf(file: SourceFile, modules: Modules): Modules["ending"] {
  return majority([file.text]) ?? modules.ending;
}

const RELATIVE = /(?:from|require\(|import\(?)\s*["'](\.{1,2}\/[^"']*)["']/g;

function majority(texts: readonly string[]): Modules["ending"] | undefined {
  const found = texts
    .flatMap((text) => [...text.matchAll(RELATIVE)])
    .map(([, path]) => /(\.[cm]?[jt]s)$/.exec(path!)?.[1] ?? "")
    .map((ending) => (/^\.[cm]?ts$/.test(ending) ? ".ts" : ending === "" ? "" : ".js"));
  if (found.length === 0) return undefined;
  const count = (ending: string): number => found.filter((one) => one === ending).length;
  return ([".js", ".ts", ""] as const).toSorted((a, b) => count(b) - count(a))[0];
}

/** How the modules of a project name each other. */
export function modulesOf(
  files: SourceFiles,
  type: "module" | "commonjs",
  settings: TypeScriptSettings | undefined,
  dependsOnTypeScript: boolean,
): Modules {
  const written = files.paths.filter((path) => !/\.config\.[cm]?[jt]s$/.test(path));
  const inTypeScript = written.filter((path) => /\.[cm]?tsx?$/.test(path)).length;
  const typescript =
    written.length === 0
      ? settings !== undefined || dependsOnTypeScript
      : inTypeScript * 2 >= written.length;
  const system = systemOf(files, written, type, typescript);
  const ending =
    majority(written.map((path) => files.text(path))) ??
    (typescript && (settings?.moduleResolution === "bundler" || type !== "module")
      ? ""
      : system === "esm"
        ? ".js"
        : "");
  // In a package of CommonJS only the name of a file tells that it is none.
  const isNamed = type === "commonjs" && written.some((path) => path.endsWith(".mjs"));
  const extension = typescript ? "ts" : system === "esm" && isNamed ? "mjs" : "js";
  return { system, typescript, ending, extension };
}

function systemOf(
  files: SourceFiles,
  written: readonly string[],
  type: "module" | "commonjs",
  typescript: boolean,
): Modules["system"] {
  if (typescript) return type === "module" ? "esm" : "commonjs";
  if (type === "module") return "esm";
  // Bundlers and Babel take import and export whatever package.json says.
  const texts = written.map((path) => files.text(path));
  const imports = texts.filter((text) => /^(?:import|export)\s/m.test(text)).length;
  const requires = texts.filter((text) => /\brequire\(|\bmodule\.exports\b/.test(text)).length;
  return imports > requires ? "esm" : "commonjs";
}

/** The specifier by which one file imports another; both paths relative to the project. */
export function specifier(from: string, to: string, ending: Modules["ending"]): string {
  const up = from.split("/").slice(0, -1);
  const down = to.replace(/\.[cm]?[jt]sx?$/, "").split("/");
  while (up.length > 0 && down.length > 1 && up[0] === down[0]) {
    up.shift();
    down.shift();
  }
  const written = /\.[cm]?[jt]sx?$/.exec(to)?.[0] ?? ".js";
  const end = ending === "" ? "" : ending === ".ts" ? written : written.replace("ts", "js");
  return `${up.length === 0 ? "./" : "../".repeat(up.length)}${down.join("/")}${end}`;
}
