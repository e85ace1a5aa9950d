import { label, type TenantTable } from "./adopted.js";
import { addMember } from "./list-edits.js";
import { columnOfKey, isName, newKey, styleOf, type TablesByKey } from "./model-keys.js";
import type { ModuleFile, ModuleFiles } from "./module-files.js";
import {
  ObjectTypes,
  referenceTo,
  typeArguments,
  typeOf,
  type ObjectType,
} from "./object-types.js";
import { keyOf, placeOf, type Interface, type TypeMember, type TypeNode } from "./syntax.js";
import { nodesOf } from "./tree.js";

/** A table of Knex's `Tables`. */
interface Mention {
  readonly file: ModuleFile;
  readonly member: TypeMember;
  readonly node: TypeNode;
  readonly adopted: TenantTable | undefined;
  /** The type of its rows as they are read. */
  readonly base: ObjectType | undefined;
}

/** The interfaces that Knex's own `Tables` names. */
export class KnexTables {
  readonly #modules: ModuleFiles;
  readonly #types: ObjectTypes;
  readonly #tables: TablesByKey;

  constructor(modules: ModuleFiles, tables: TablesByKey) {
    this.#modules = modules;
    this.#types = new ObjectTypes(modules);
    this.#tables = tables;
  }

  /** Gives the tables that were found, whether edited or noted. */
  write(): TenantTable[] {
    const mentions = this.#modules.files.flatMap((file) => [...this.#mentions(file)]);
    const adopted = new Set(mentions.flatMap((one) => one.adopted ?? []));
    for (const one of adopted) this.#table(one, mentions);
    return [...adopted];
  }

  *#mentions(file: ModuleFile): Generator<Mention> {
    for (const { body } of tablesInterfaces(file)) {
      for (const member of body.body) {
        const node = typeOf(member);
        const key = member.type === "TSPropertySignature" ? keyOf(member) : undefined;
        if (node === undefined || key === undefined) continue;
        const [first] = isComposite(node) ? typeArguments(node) : [node];
        yield {
          file,
          member,
          node,
          adopted: this.#tables.find(key),
          base: first && this.#types.resolve(first, file, key),
        };
      }
    }
  }

  #table(adopted: TenantTable, mentions: readonly Mention[]): void {
    const own = mentions.filter((one) => one.adopted === adopted);
    const [first] = own as [Mention];
    const note = (text: string) =>
      this.#modules.note(first.file, first.member, label(adopted.table), text);
    const { base } = first;
    if (base === undefined) {
      note(
        `The type of its rows is in no file that was named. Add the column ${adopted.tenant.name} by hand.`,
      );
      return;
    }
    if (
      own.some((one) => one.base?.file !== base.file || one.base.body.start !== base.body.start)
    ) {
      note("Several types stand for the rows of this table. Bring them in line by hand.");
      return;
    }
    const sharing = mentions.filter(
      (one) => one.base?.file === base.file && one.base.body.start === base.body.start,
    );
    if (sharing.some((one) => one.adopted === undefined)) {
      note(
        "The type of its rows is that of another table too, which has no tenant. Give it one of its own.",
      );
      return;
    }
    const keys = keysOf(base);
    if (keys.some((key) => columnOfKey(key, adopted.table)?.name === adopted.tenant.name)) return;
    const key = styleOf(keys) === "camel" ? newKey(adopted.tenant.name, keys) : adopted.tenant.name;
    // Tables that share a type get the column once.
    if (sharing[0]?.adopted === adopted) {
      addMember(base.file, base.body, base.members.at(-1), `${this.#key(key, base.file)}: string`);
    }
    const done = new Set<number>();
    for (const one of own) {
      if (!isComposite(one.node)) continue;
      const [read, ...written] = typeArguments(one.node);
      const rows = referenceTo(read!);
      if (written.length === 0) {
        const { start, end } = placeOf(read!);
        const text = one.file.text.slice(start, end);
        const others =
          read!.type === "TSTypeLiteral" ? text : `Omit<${text}, ${one.file.quote(key)}>`;
        one.file.edits.insert(end, `, ${others} & { ${this.#key(key, one.file)}?: string }`);
      }
      for (const form of written) {
        if (!this.#optional(form, one.file, rows, key, done)) {
          note(`Have ${key} be optional in what is written to this table.`);
        }
      }
    }
  }

  #key(key: string, file: ModuleFile): string {
    return isName(key) ? key : file.quote(key);
  }

  /** Has a form of what is written take the column, and not ask for it; tells whether it could. */
  #optional(
    form: TypeNode,
    file: ModuleFile,
    rows: string | undefined,
    key: string,
    done: Set<number>,
  ): boolean {
    if (isOf(form, "Partial")) return true;
    const name = referenceTo(form);
    const type = this.#types.resolve(form, file, "");
    if (type !== undefined && name !== rows) {
      if (done.has(type.body.start)) return true;
      done.add(type.body.start);
      if (type.bases.some((base) => !this.#leavesOut(base, file, key))) return false;
      const code = `${this.#key(key, type.file)}?: string`;
      addMember(type.file, type.body, type.members.at(-1), code);
      return true;
    }
    const parts = form.type === "TSIntersectionType" ? form.types : [form];
    const optional = ` & { ${this.#key(key, file)}?: string }`;
    if (parts.length === 1 && name !== undefined && name === rows) {
      const { start, end } = placeOf(form);
      file.edits.replace(start, end, `Omit<${name}, ${file.quote(key)}>${optional}`);
      return true;
    }
    if (!parts.every((part) => this.#leavesOut(part, file, key))) return false;
    file.edits.insert(placeOf(form).end, optional);
    return true;
  }

  #leavesOut(part: TypeNode, file: ModuleFile, key: string): boolean {
    if (isOf(part, "Pick") || isOf(part, "Partial") || part.type === "TSTypeLiteral") return true;
    const [, left] = typeArguments(part);
    if (!isOf(part, "Omit") || left === undefined) return false;
    file.edits.insert(placeOf(left).end, ` | ${file.quote(key)}`);
    return true;
  }
}

function* tablesInterfaces(file: ModuleFile): Generator<Interface> {
  for (const node of nodesOf(file.program)) {
    if (node.type !== "TSModuleDeclaration" || node.id.type !== "StringLiteral") continue;
    if (!/^knex\/types\/tables(?:\.js)?$/.test(node.id.value)) continue;
    for (const inner of nodesOf(node.body)) {
      if (inner.type === "TSInterfaceDeclaration" && inner.id.name === "Tables") yield inner;
    }
  }
}

function isComposite(node: TypeNode): boolean {
  if (node.type !== "TSTypeReference") return false;
  const { typeName } = node;
  const name = typeName.type === "Identifier" ? typeName : typeName.right;
  return name.name === "CompositeTableType";
}

function isOf(node: TypeNode, name: string): boolean {
  const given = node as unknown as {
    typeName?: { name?: string };
    expression?: { name?: string };
  };
  return (given.typeName?.name ?? given.expression?.name) === name;
}

const keysOf = ({ members }: ObjectType): string[] =>
  members.flatMap((member) => (member.type === "TSPropertySignature" ? (keyOf(member) ?? []) : []));
