import type { ModuleFile } from "./module-files.js";
import { keyOf, placeOf } from "./syntax.js";
import { lineEnd } from "./text-edits.js";

const DECLARATIONS: Readonly<Record<string, readonly string[]>> = {
  Generated: [
    "export type Generated<T> = T extends ColumnType<infer S, infer I, infer U>",
    "  ? ColumnType<S, I | undefined, U>",
    "  : ColumnType<T, T | undefined, T>;",
  ],
  Int8: [
    "export type Int8 = ColumnType<string, bigint | number | string, bigint | number | string>;",
  ],
};

/** The types of Kysely that a file of database types has, and those it comes to need. */
export class KyselyImports {
  readonly file: ModuleFile;
  readonly #isGenerated: boolean;
  readonly #wanted = new Set<string>();
  readonly #known = new Map<string, string>();

  /** @param isGenerated whether kysely-codegen wrote the file, which declares such types itself */
  constructor(file: ModuleFile, isGenerated: boolean) {
    this.file = file;
    this.#isGenerated = isGenerated;
    for (const statement of file.program.body) {
      if (statement.type === "ImportDeclaration") {
        for (const one of statement.specifiers) {
          if (one.type !== "ImportSpecifier") continue;
          const imported = keyOf({ key: one.imported });
          if (imported !== undefined) this.#known.set(imported, one.local.name);
        }
      }
      const declared =
        statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
      if (declared?.type === "TSTypeAliasDeclaration") {
        this.#known.set(declared.id.name, declared.id.name);
      }
    }
  }

  /** What the file calls `Generated`. */
  get generated(): string {
    return this.#name("Generated");
  }

  /** The type in which `pg` gives a column. */
  typeFor(type: string): string {
    return type === "bigint" && this.#isGenerated ? this.#name("Int8") : "string";
  }

  #name(name: string): string {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    this.#wanted.add(name);
    return name;
  }

  /** Writes what is missing. */
  write(): void {
    if (this.#wanted.size === 0) return;
    if (!this.#isGenerated) {
      this.#bring("Generated");
      return;
    }
    // First, since it goes to the same place where a file has neither.
    if (!this.#known.has("ColumnType")) this.#bring("ColumnType");
    for (const name of [...this.#wanted].toSorted()) this.#declare(name);
  }

  #bring(name: string): void {
    const { file } = this;
    const from = file.program.body.find(
      (statement) =>
        statement.type === "ImportDeclaration" &&
        statement.source.value === "kysely" &&
        statement.specifiers.some(({ type }) => type === "ImportSpecifier"),
    );
    const last = file.program.body.findLast(({ type }) => type === "ImportDeclaration");
    const end = lineEnd(file.text);
    if (from?.type === "ImportDeclaration") {
      const behind = from.specifiers.findLast(
        (one) => one.type === "ImportSpecifier" && one.local.name.localeCompare(name) < 0,
      );
      const prefix = from.importKind === "type" ? "" : "type ";
      if (behind === undefined) {
        const first = from.specifiers.find(({ type }) => type === "ImportSpecifier")!;
        file.edits.insert(placeOf(first).start, `${prefix}${name}, `);
      } else {
        file.edits.insert(placeOf(behind).end, `, ${prefix}${name}`);
      }
      return;
    }
    const code = `import type { ${name} } from ${file.quote("kysely")};`;
    if (last !== undefined) file.edits.insert(placeOf(last).end, `${end}${code}`);
    else {
      const [first] = file.program.body;
      const at = first === undefined ? file.text.length : placeOf(first).start;
      file.edits.insert(at, `${code}${end}${end}`);
    }
  }

  #declare(name: string): void {
    const { file } = this;
    const end = lineEnd(file.text);
    const next = file.program.body.find(
      (statement) =>
        statement.type === "ExportNamedDeclaration" &&
        (statement.declaration?.type === "TSInterfaceDeclaration" ||
          (statement.declaration?.type === "TSTypeAliasDeclaration" &&
            statement.declaration.id.name.localeCompare(name) > 0)),
    );
    const at = next === undefined ? file.text.length : placeOf(next).start;
    file.edits.insert(at, `${DECLARATIONS[name]!.join(end)}${end}${end}`);
  }
}
