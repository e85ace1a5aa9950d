import { PartywallError } from "../../errors.js";
import type { ObjectName } from "../schema.js";
import {
  bare,
  callChain,
  keyOf,
  placeOf,
  propertyOf,
  returned,
  stringOf,
  type CallChain,
  type Expression,
  type Place,
  type Program,
  type Syntax,
} from "./syntax.js";
import { lineAt, TextEdits, type SchemaNote, type SourceFile } from "./text-edits.js";

/** How Drizzle derives a column's name from its key, where none is written. */
export type DrizzleCasing = "snake_case" | "camelCase";

/** A column of a table in a Drizzle file. */
export interface DrizzleColumn {
  readonly key: string;
  /** Its name in the database. */
  readonly name: string;
  readonly chain: CallChain;
}

/** A table in a Drizzle file. */
export interface DrizzleTable extends ObjectName {
  readonly file: DrizzleFile;
  /** The variable that holds it. */
  readonly variable: string;
  readonly place: Place;
  readonly call: CallChain;
  readonly columnsObject: Syntax<"ObjectExpression">;
  /** Of columns given by a function: its parameter, `t` of `(t) => ({ id: t.uuid() })`. */
  readonly builder: string | undefined;
  readonly columns: readonly DrizzleColumn[];
  /** Whether more columns come from elsewhere, by a spread that could not be followed. */
  readonly isPartial: boolean;
  /** The third argument, if there is one. */
  readonly extra: Expression | undefined;
}

/** A view in a Drizzle file. */
export interface DrizzleView extends ObjectName {
  readonly file: DrizzleFile;
  readonly call: CallChain;
}

/** One file of a Drizzle schema, read. */
export interface DrizzleFile {
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly edits: TextEdits;
  /** Writes a string with the quotes that the file's imports have. */
  readonly quote: (text: string) => string;
}

/** A Drizzle schema, read from all its files. */
export interface DrizzleSource {
  readonly files: readonly DrizzleFile[];
  readonly tables: readonly DrizzleTable[];
  readonly views: readonly DrizzleView[];
  readonly notes: SchemaNote[];
}

type Maker = (name: string) => ObjectName;

/** Reads the files of a Drizzle schema. Throws `PW_CONFIG` for a file that is no TypeScript. */
export async function readDrizzle(
  sources: readonly SourceFile[],
  casing: DrizzleCasing | undefined,
): Promise<DrizzleSource> {
  const files = await readFiles(sources);
  return new Reader(files, casing).read();
}

/** Reads files as TypeScript. Throws `PW_CONFIG` for a file that is none. */
export async function readFiles(sources: readonly SourceFile[]): Promise<readonly DrizzleFile[]> {
  const parse = await parser();
  return sources.map(({ path, content }): DrizzleFile => {
    try {
      const program = parse(path, content);
      return {
        path,
        text: content,
        program,
        edits: new TextEdits(content),
        quote: quoting(content),
      };
    } catch (error) {
      throw new PartywallError(
        "PW_CONFIG",
        `The schema file ${path} could not be read as TypeScript. Mend it, or leave it out of the schema files.`,
        { cause: error },
      );
    }
  });
}

/** The parser of TypeScript, loaded where it is needed. What it gives throws a `SyntaxError` for text that is none. */
export async function parser(): Promise<(path: string, content: string) => Program> {
  const { parse } = await import("@babel/parser");
  return (path, content) =>
    parse(content, {
      sourceType: "module",
      plugins: [
        "typescript",
        "decorators-legacy",
        ...(path.endsWith("x") ? (["jsx"] as const) : []),
      ],
    }).program;
}

function quoting(source: string): (text: string) => string {
  const isSingle = /\bfrom '/.test(source);
  return (text) => {
    const double = JSON.stringify(text);
    if (!isSingle) return double;
    return `'${double
      .slice(1, -1)
      .replaceAll('\\"', '"')
      .replaceAll("'", String.raw`\'`)}'`;
  };
}

class Reader {
  readonly #files: readonly DrizzleFile[];
  readonly #casing: DrizzleCasing | undefined;
  readonly #notes: SchemaNote[] = [];
  readonly #makers = new Map<string, Maker>();
  readonly #viewMakers = new Map<string, Maker>();
  readonly #schemas = new Map<string, string>();
  readonly #objects = new Map<string, { file: DrizzleFile; node: Syntax<"ObjectExpression"> }>();

  constructor(files: readonly DrizzleFile[], casing: DrizzleCasing | undefined) {
    this.#files = files;
    this.#casing = casing;
  }

  read(): DrizzleSource {
    for (const file of this.#files) this.#readImports(file);
    // What tables are made with may stand in another file than the tables.
    for (const [file, name, init] of this.#constants()) this.#readMaker(file, name, init);
    const tables: DrizzleTable[] = [];
    const views: DrizzleView[] = [];
    for (const [file, name, init] of this.#constants()) {
      const table = this.#table(file, name, init);
      if (table) tables.push(table);
      const view = this.#view(file, init);
      if (view) views.push(view);
    }
    return { files: this.#files, tables, views, notes: this.#notes };
  }

  #readImports({ program }: DrizzleFile): void {
    for (const statement of program.body) {
      if (statement.type !== "ImportDeclaration" || statement.source.value !== PG_CORE) continue;
      for (const specifier of statement.specifiers) {
        if (specifier.type === "ImportSpecifier") {
          const imported = keyOf({ key: specifier.imported });
          if (imported === "pgTable") this.#makers.set(specifier.local.name, inPublic);
          if (imported === "pgView") this.#viewMakers.set(specifier.local.name, inPublic);
        } else if (specifier.type === "ImportNamespaceSpecifier") {
          this.#makers.set(`${specifier.local.name}.pgTable`, inPublic);
          this.#viewMakers.set(`${specifier.local.name}.pgView`, inPublic);
        }
      }
    }
  }

  *#constants(): Generator<[DrizzleFile, string, Expression]> {
    for (const file of this.#files) {
      for (const statement of file.program.body) {
        const declaration =
          statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
        if (declaration?.type !== "VariableDeclaration") continue;
        for (const { id, init } of declaration.declarations) {
          if (id.type === "Identifier" && init) yield [file, id.name, init];
        }
      }
    }
  }

  #readMaker(file: DrizzleFile, name: string, init: Expression): void {
    const node = bare(init);
    if (node.type === "ObjectExpression") this.#objects.set(name, { file, node });
    const chain = callChain(init, file.text);
    if (chain === undefined) return;
    if (chain.base.name === "pgSchema") {
      const schema = stringOf(chain.base.arguments[0]);
      if (schema === undefined) return;
      this.#schemas.set(name, schema);
      this.#makers.set(`${name}.table`, (table) => ({ schema, name: table }));
      this.#viewMakers.set(`${name}.view`, (view) => ({ schema, name: view }));
    } else if (chain.base.name === "pgTableCreator") {
      const rename = renaming(chain.base.arguments[0]);
      if (rename) this.#makers.set(name, (table) => ({ schema: "public", name: rename(table) }));
      else {
        this.#note(
          file,
          chain.place,
          name,
          "Its pgTableCreator computes names in a way that is not read here. Edit its tables by hand.",
        );
      }
    }
  }

  #table(file: DrizzleFile, variable: string, init: Expression): DrizzleTable | undefined {
    const call = callChain(init, file.text);
    if (call === undefined) return undefined;
    const callee = file.text.slice(placeOf(call.callee).start, placeOf(call.callee).end);
    const maker = this.#makers.get(callee.replace(/\.withRLS$/, ""));
    if (maker === undefined) return undefined;
    const [nameNode, columnsNode, extra] = call.base.arguments;
    const written = stringOf(nameNode);
    if (written === undefined) {
      this.#note(
        file,
        call.place,
        variable,
        "The table's name is not written out, so it is not known which it is. Edit it by hand.",
      );
      return undefined;
    }
    const given = columnsNode && bare(columnsNode);
    const columnsObject = given?.type === "ObjectExpression" ? given : returned(given);
    if (columnsObject?.type !== "ObjectExpression") {
      this.#note(
        file,
        call.place,
        variable,
        "The table's columns are not written out beside its name. Edit it by hand.",
      );
      return undefined;
    }
    const { columns, isPartial } = this.#columns(file, columnsObject);
    return {
      ...maker(written),
      file,
      variable,
      place: placeOf(init),
      call,
      columnsObject,
      builder: builderOf(given),
      columns,
      isPartial,
      extra,
    };
  }

  #columns(file: DrizzleFile, object: Syntax<"ObjectExpression">) {
    const columns: DrizzleColumn[] = [];
    let isPartial = false;
    for (const property of object.properties) {
      if (property.type === "SpreadElement") {
        const shared =
          property.argument.type === "Identifier"
            ? this.#objects.get(property.argument.name)
            : undefined;
        if (shared) columns.push(...this.#columns(shared.file, shared.node).columns);
        else isPartial = true;
        continue;
      }
      const key = property.type === "ObjectProperty" ? keyOf(property) : undefined;
      const chain =
        property.type === "ObjectProperty"
          ? callChain(property.value as Expression, file.text)
          : undefined;
      if (key === undefined || chain === undefined) isPartial = true;
      else columns.push({ key, name: this.#columnName(key, chain), chain });
    }
    return { columns, isPartial };
  }

  #columnName(key: string, { base }: CallChain): string {
    const written = stringOf(base.arguments[0]);
    if (written !== undefined) return written;
    if (this.#casing === undefined) return key;
    const words = (
      key.replaceAll(/['\u2019]/g, "").match(/[A-Z]+(?![a-z])|[A-Z]?[a-z\d]+|[\da-z]+/g) ?? [key]
    ).map((word) => word.toLowerCase());
    return this.#casing === "snake_case"
      ? words.join("_")
      : words
          .map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
          .join("");
  }

  #view(file: DrizzleFile, init: Expression): DrizzleView | undefined {
    const call = callChain(init, file.text);
    if (call === undefined) return undefined;
    const maker = this.#viewMakers.get(
      file.text.slice(placeOf(call.callee).start, placeOf(call.callee).end),
    );
    const name = stringOf(call.base.arguments[0]);
    return maker && name !== undefined ? { ...maker(name), file, call } : undefined;
  }

  #note(file: DrizzleFile, place: Place, object: string, text: string): void {
    this.#notes.push({ path: file.path, line: lineAt(file.text, place.start), object, text });
  }
}

/** The module that Drizzle's PostgreSQL builders come from. */
export const PG_CORE = "drizzle-orm/pg-core";

const inPublic: Maker = (name) => ({ schema: "public", name });

function builderOf(node: Expression | undefined): string | undefined {
  if (node?.type !== "ArrowFunctionExpression" && node?.type !== "FunctionExpression")
    return undefined;
  const [parameter] = node.params;
  return parameter?.type === "Identifier" ? parameter.name : undefined;
}

// `(name) => `app_${name}``, the way names are usually given a prefix.
function renaming(node: Expression | undefined): ((name: string) => string) | undefined {
  const body = returned(node);
  if (node?.type !== "ArrowFunctionExpression" || body === undefined) return undefined;
  const [parameter] = node.params;
  if (parameter?.type !== "Identifier") return undefined;
  const isParameter = (part: { readonly type: string }) =>
    part.type === "Identifier" && (part as Syntax<"Identifier">).name === parameter.name;
  if (isParameter(body)) return (name) => name;
  if (body.type !== "TemplateLiteral" || !body.expressions.every(isParameter)) return undefined;
  const parts = body.quasis.map(({ value }) => value.cooked ?? "");
  return (name) => parts.join(name);
}

/** A property of a constraint's options, `columns` of `foreignKey({ columns: [...] })`, as an array written out. */
export function arrayOf(
  object: Expression | undefined,
  name: string,
): Syntax<"ArrayExpression"> | undefined {
  const value = propertyOf(object, name);
  return value?.type === "ArrayExpression" ? value : undefined;
}
