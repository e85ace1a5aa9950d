import { label, type AdoptedDatabase, type TenantTable } from "./adopted.js";
import { KyselyImports } from "./kysely-imports.js";
import { addMember } from "./list-edits.js";
import { columnOfKey, isName, newKey, styleOf, TablesByKey } from "./model-keys.js";
import { ModuleFiles, type ModuleFile } from "./module-files.js";
import { ObjectTypes, referenceTo, typeOf, type ObjectType } from "./object-types.js";
import { keyOf, placeOf, type TypeMember } from "./syntax.js";
import type { SchemaEdits, SourceFile } from "./text-edits.js";

/**
 * Edits the files that type a database for Kysely so that each tenant table has its tenant column, which need not be
 * written. A file of kysely-codegen comes out as kysely-codegen writes it of the adopted database. Comments and layout
 * stay. What cannot be edited safely is left and noted. Doing it again changes nothing.
 *
 * @example
 * ```ts
 * import { editKyselyTypes, type AdoptedDatabase, type SourceFile } from "partywall/adopt";
 *
 * async function edit(files: SourceFile[], database: AdoptedDatabase) {
 *   const { files: changed, notes } = await editKyselyTypes(files, database);
 *   for (const note of notes) console.warn(`${note.path}:${note.line} ${note.object}: ${note.text}`);
 *   return changed; // to be written back
 * }
 * console.log(typeof edit); // function
 * ```
 */
export async function editKyselyTypes(
  files: readonly SourceFile[],
  database: AdoptedDatabase,
): Promise<SchemaEdits> {
  const modules = await ModuleFiles.read(files);
  new KyselyTypes(modules, database).write();
  return { files: modules.changed(), notes: modules.notes };
}

/** A table as a database type names it. */
interface Mention {
  readonly file: ModuleFile;
  readonly member: TypeMember;
  readonly adopted: TenantTable | undefined;
  readonly type: ObjectType | undefined;
}

class KyselyTypes {
  readonly #modules: ModuleFiles;
  readonly #types: ObjectTypes;
  readonly #tables: TablesByKey;
  readonly #imports = new Map<ModuleFile, KyselyImports>();

  constructor(modules: ModuleFiles, database: AdoptedDatabase) {
    this.#modules = modules;
    this.#types = new ObjectTypes(modules);
    this.#tables = new TablesByKey(database);
  }

  write(): void {
    const mentions = this.#mentions();
    for (const adopted of this.#tables) this.#table(adopted, mentions);
    for (const imports of this.#imports.values()) imports.write();
    for (const file of this.#modules.files) {
      if (!isGenerated(file)) continue;
      this.#modules.note(
        file,
        file.program,
        "partywall",
        "Run kysely-codegen with --exclude-pattern 'partywall.*' from now on, or it types Partywall's own tables as well.",
      );
    }
  }

  /** The members of all types that hold tables: whose members are types of rows, tables' names among them. */
  #mentions(): Mention[] {
    return this.#types.all.flatMap((type) => {
      const mentions = type.members.map((member): Mention | undefined => {
        const key = member.type === "TSPropertySignature" ? keyOf(member) : undefined;
        const node = typeOf(member);
        if (key === undefined || node === undefined) return undefined;
        if (node.type !== "TSTypeLiteral" && referenceTo(node) === undefined) return undefined;
        return {
          file: type.file,
          member,
          adopted: this.#tables.find(key),
          type: this.#types.resolve(node, type.file, key),
        };
      });
      return mentions.includes(undefined) || !mentions.some((one) => one?.type || one?.adopted)
        ? []
        : (mentions as Mention[]);
    });
  }

  #table(adopted: TenantTable, mentions: readonly Mention[]): void {
    const object = label(adopted.table);
    const own = mentions.filter((one) => one.adopted === adopted);
    const types = new Set(own.map(({ type }) => type?.body.start));
    const [first] = own;
    if (first === undefined) {
      const text = "No type of a database names this table, so there was nothing to edit.";
      this.#modules.notes.push({ object, text });
      return;
    }
    const note = (text: string) => this.#modules.note(first.file, first.member, object, text);
    const { type } = first;
    if (type === undefined) {
      note(
        `The type of its rows is in no file that was named. Add the column ${adopted.tenant.name} by hand.`,
      );
      return;
    }
    if (types.size > 1 || own.some((one) => one.type?.file !== type.file)) {
      note("Several types stand for the rows of this table. Bring them in line by hand.");
      return;
    }
    const others = mentions.filter(
      (one) => one.type?.file === type.file && one.type.body.start === type.body.start,
    );
    if (others.some((one) => one.adopted === undefined)) {
      note(
        "The type of its rows is that of another table too, which has no tenant. Give it one of its own.",
      );
      return;
    }
    // Tables that share a type get the column once.
    if (others[0]?.adopted === adopted) this.#column(adopted, type, mentions);
  }

  #column(adopted: TenantTable, type: ObjectType, mentions: readonly Mention[]): void {
    const { tenant, table } = adopted;
    const { file } = type;
    const keys = keysOf(type);
    const imports = this.#importsOf(file);
    const existing = type.members.find(
      (member) =>
        member.type === "TSPropertySignature" &&
        columnOfKey(keyOf(member) ?? "", table)?.name === tenant.name,
    );
    if (existing !== undefined) {
      this.#existing(existing, adopted, imports);
      return;
    }
    const style =
      styleOf(keys) ??
      styleOf(mentions.flatMap((one) => (one.type === undefined ? [] : keysOf(one.type)))) ??
      (this.#modules.files.some(({ text }) => text.includes("CamelCasePlugin"))
        ? "camel"
        : "snake");
    const key = style === "camel" ? newKey(tenant.name, keys) : tenant.name;
    const plain = imports.typeFor(tenant.type);
    const code = `${isName(key) ? key : file.quote(key)}: ${tenant.default === null ? plain : `${imports.generated}<${plain}>`}`;
    const after = isGenerated(file)
      ? type.members.findLast((_, at) => (keys[at] ?? "").localeCompare(key) < 0)
      : type.members.at(-1);
    addMember(file, type.body, after, code);
  }

  #existing(member: TypeMember, { tenant }: TenantTable, imports: KyselyImports): void {
    const node = typeOf(member);
    if (node === undefined) return;
    const { file } = imports;
    const { start, end } = placeOf(node);
    const parts = node.type === "TSUnionType" ? node.types : [node];
    const kept = parts
      .filter(({ type }) => type !== "TSNullKeyword")
      .map((part) => file.text.slice(placeOf(part).start, placeOf(part).end))
      .join(" | ");
    // `Generated<…>`, `ColumnType<…>`, whatever the file calls them.
    const isDone = /^[\w.]+</.test(kept);
    const code = isDone || tenant.default === null ? kept : `${imports.generated}<${kept}>`;
    if (code !== file.text.slice(start, end)) file.edits.replace(start, end, code);
  }

  #importsOf(file: ModuleFile): KyselyImports {
    const known = this.#imports.get(file);
    if (known !== undefined) return known;
    const imports = new KyselyImports(file, isGenerated(file));
    this.#imports.set(file, imports);
    return imports;
  }
}

const isGenerated = ({ text }: ModuleFile) =>
  text.slice(0, 400).includes("generated by kysely-codegen");

const keysOf = ({ members }: ObjectType): string[] =>
  members.map((member) => (member.type === "TSPropertySignature" ? (keyOf(member) ?? "") : ""));
