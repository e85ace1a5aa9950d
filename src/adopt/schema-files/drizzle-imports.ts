import { addToList } from "./drizzle-extra.js";
import { PG_CORE, type DrizzleFile } from "./drizzle-source.js";
import { keyOf, placeOf, type Expression } from "./syntax.js";
import { lineEnd } from "./text-edits.js";

/** The names a file calls Drizzle's builders by, adding to its imports those that it lacks. */
export class DrizzleImports {
  readonly #file: DrizzleFile;
  /** Imported name to local name, by module. */
  readonly #local = new Map<string, string>();
  readonly #added = new Map<string, string[]>();
  readonly #declared = new Set<string>();

  constructor(file: DrizzleFile) {
    this.#file = file;
    for (const statement of file.program.body) {
      if (statement.type === "ImportDeclaration") {
        for (const specifier of statement.specifiers) {
          this.#declared.add(specifier.local.name);
          if (statement.importKind === "type") continue;
          if (specifier.type === "ImportSpecifier" && specifier.importKind !== "type") {
            const imported = keyOf({ key: specifier.imported });
            if (imported !== undefined) {
              this.#local.set(`${statement.source.value} ${imported}`, specifier.local.name);
            }
          } else if (specifier.type === "ImportNamespaceSpecifier") {
            this.#local.set(`${statement.source.value} *`, specifier.local.name);
          }
        }
      }
      const declaration =
        statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
      if (declaration?.type === "VariableDeclaration") {
        for (const { id } of declaration.declarations) {
          if (id.type === "Identifier") this.#declared.add(id.name);
        }
      } else if (declaration && "id" in declaration && declaration.id?.type === "Identifier") {
        this.#declared.add(declaration.id.name);
      }
    }
  }

  /** What a file's variable is called where it was exported, if it was imported under another name. */
  exportedName(local: string): string {
    for (const [key, name] of this.#local) {
      if (name === local && !key.endsWith(" *")) return key.slice(key.indexOf(" ") + 1);
    }
    return local;
  }

  /** The name by which one of the modules exports what is called so here: `Column`, of `Column` or `orm.Column`. */
  imported(modules: readonly string[], callee: Expression): string | undefined {
    const [object, name] =
      callee.type === "MemberExpression" && callee.object.type === "Identifier"
        ? [callee.object.name, keyOf({ key: callee.property, computed: callee.computed })]
        : [undefined, callee.type === "Identifier" ? callee.name : undefined];
    for (const [key, local] of this.#local) {
      const [module, exported] = key.split(" ") as [string, string];
      if (!modules.includes(module)) continue;
      if (object !== undefined && exported === "*" && local === object) return name;
      if (object === undefined && exported !== "*" && local === name) return exported;
    }
    return undefined;
  }

  /** A name at the file's top that nothing has yet. */
  freeName(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#declared.has(name); n += 1) name = `${wanted}${n}`;
    this.#declared.add(name);
    return name;
  }

  /** What to call a builder of `drizzle-orm/pg-core`. */
  builder(name: string): string {
    return this.of(PG_CORE, name);
  }

  /** What to call the tag of SQL expressions. */
  get sql(): string {
    return this.of("drizzle-orm", "sql");
  }

  /** What to call a type that a module exports, as the file imports it; nothing where it does not. */
  typeName(module: string, name: string): string | undefined {
    for (const statement of this.#file.program.body) {
      if (statement.type !== "ImportDeclaration" || statement.source.value !== module) continue;
      for (const specifier of statement.specifiers) {
        if (specifier.type === "ImportSpecifier" && keyOf({ key: specifier.imported }) === name)
          return specifier.local.name;
      }
    }
    return undefined;
  }

  /** What to call a value that a module exports. */
  of(module: string, name: string): string {
    const known = this.#local.get(`${module} ${name}`);
    if (known !== undefined) return known;
    const namespace = this.#local.get(`${module} *`);
    if (namespace !== undefined) return `${namespace}.${name}`;
    const local = this.#declared.has(name)
      ? this.freeName(`pg${name[0]!.toUpperCase()}${name.slice(1)}`)
      : name;
    this.#declared.add(local);
    this.#local.set(`${module} ${name}`, local);
    const added = this.#added.get(module) ?? [];
    added.push(local === name ? name : `${name} as ${local}`);
    this.#added.set(module, added);
    return local;
  }

  /** Where what all tables of the file share may be declared: behind its imports. */
  get end(): number {
    const last = this.#file.program.body.findLast(({ type }) => type === "ImportDeclaration");
    return last ? placeOf(last).end : 0;
  }

  /** Writes the imports that were asked for. */
  write(): void {
    const { edits, program, quote, text } = this.#file;
    for (const [module, names] of this.#added) {
      const existing = program.body.find(
        (statement) =>
          statement.type === "ImportDeclaration" &&
          statement.source.value === module &&
          statement.importKind !== "type" &&
          statement.specifiers.some(({ type }) => type === "ImportSpecifier"),
      );
      if (existing?.type === "ImportDeclaration") {
        const last = placeOf(existing.specifiers.at(-1)!);
        addToList(
          this.#file,
          {
            start: text.indexOf("{", placeOf(existing).start),
            end: text.indexOf("}", last.end) + 1,
          },
          last,
          names,
        );
        continue;
      }
      const line = `import { ${names.join(", ")} } from ${quote(module)};`;
      const end = lineEnd(text);
      if (this.end === 0) edits.insert(0, line + end);
      else edits.insert(this.end, end + line);
    }
  }
}
