import type { ForeignKey, Index, ReferentialAction } from "../schema.js";
import {
  columnsOf,
  foreignKeyFor,
  indexFor,
  isPlain,
  label,
  primaryKeyOf,
  sameNames,
  sameOrder,
  type TenantTable,
} from "./adopted.js";
import {
  argumentOf,
  fieldsOf,
  stringValue,
  type PrismaArgument,
  type PrismaAttribute,
  type PrismaField,
  type PrismaModel,
} from "./prisma-source.js";
import { indentAt, lineAt, lineEnd, type SchemaNote } from "./text-edits.js";

/** What the edits of one model may look at beside the model itself. */
export interface PrismaContext {
  readonly model: (name: string) => PrismaModel | undefined;
  /** The field that a model's column is, those that are being added among them. */
  readonly fieldFor: (model: PrismaModel, column: string) => string | undefined;
  readonly hasForeignKeys: boolean;
  readonly note: (note: SchemaNote) => void;
}

/** Brings one model of a Prisma schema in line with the database. */
export class PrismaModelEdits {
  readonly #model: PrismaModel;
  readonly #adopted: TenantTable;
  readonly #context: PrismaContext;
  readonly #seen = new Set<string>();
  readonly #lines: string[] = [];

  constructor(model: PrismaModel, adopted: TenantTable, context: PrismaContext) {
    this.#model = model;
    this.#adopted = adopted;
    this.#context = context;
  }

  write(): void {
    this.#tenantField();
    this.#primaryKey();
    for (const field of this.#model.fields) {
      this.#inlineUnique(field);
      if (this.#context.hasForeignKeys) this.#relation(field);
    }
    for (const attribute of this.#model.attributes) {
      if (attribute.name === "unique" || attribute.name === "index") this.#listed(attribute);
    }
    this.#newIndexes();
    this.#writeLines();
  }

  get #edits() {
    return this.#model.file.edits;
  }

  #note(at: number, text: string): void {
    const { file, model } = this.#model;
    this.#context.note({ path: file.path, line: lineAt(file.text, at), object: model, text });
  }

  #fields(columns: readonly string[]): string[] | undefined {
    const fields = columns.map((column) => this.#context.fieldFor(this.#model, column));
    return fields.includes(undefined) ? undefined : (fields as string[]);
  }

  #columns(fields: readonly string[]): string[] {
    return fields.map(
      (name) => this.#model.fields.find((field) => field.name === name)?.column ?? name,
    );
  }

  #tenantField(): void {
    const { tenant } = this.#adopted;
    const { file, fields, close } = this.#model;
    const value = tenant.default === null ? "" : `@default(dbgenerated(${quoted(tenant.default)}))`;
    const existing = fields.find((field) => field.column === tenant.name && isScalar(field));
    if (existing === undefined) {
      const name = this.#context.fieldFor(this.#model, tenant.name)!;
      const parts = [
        ...aligned(fields.at(-1), name, tenant.type === "bigint" ? "BigInt" : "String"),
        value,
        name === tenant.name ? "" : `@map(${quoted(tenant.name)})`,
        tenant.type === "uuid" ? "@db.Uuid" : "",
      ];
      const last = fields.at(-1);
      const line = parts.filter((part) => part !== "").join(" ");
      const end = lineEnd(file.text);
      const indent = last ? indentAt(file.text, last.start) : "  ";
      // Behind the last field's line, with the comment that may stand on it.
      const at = last
        ? file.text.indexOf("\n", last.end) + 1
        : file.text.lastIndexOf("\n", close) + 1;
      this.#edits.insert(at, `${indent}${line}${end}`);
      return;
    }
    if (existing.arity === "?") {
      this.#edits.replace(existing.typePlace.end - 1, existing.typePlace.end, "");
    }
    if (value === "") return;
    const given = existing.attributes.find(({ name }) => name === "default");
    if (given === undefined) this.#edits.insert(existing.end, ` ${value}`);
    else if (this.#model.file.text.slice(given.start, given.end) !== value) {
      this.#edits.replace(given.start, given.end, value);
    }
  }

  #primaryKey(): void {
    const index = primaryKeyOf(this.#adopted.table);
    const columns = index && columnsOf(index);
    if (index === undefined || columns === undefined) return;
    const listed = this.#model.attributes.find(({ name }) => name === "id");
    const inline = this.#model.fields.find(({ attributes }) =>
      attributes.some(({ name }) => name === "id"),
    );
    const declared = listed
      ? this.#columns(fieldsOf(argumentOf(listed, "fields", true)))
      : inline && [inline.column];
    if (declared === undefined || sameOrder(declared, columns)) return;
    const fields = this.#fields(columns);
    if (fields === undefined) {
      this.#note(
        this.#model.place.start,
        `Have the primary key ${index.name} be of ${columns.join(", ")}.`,
      );
      return;
    }
    if (listed) {
      const list = argumentOf(listed, "fields", true)!;
      this.#edits.replace(list.valuePlace.start, list.valuePlace.end, `[${fields.join(", ")}]`);
      this.#nameIt(listed, index.name);
    } else {
      this.#remove(inline!.attributes.find(({ name }) => name === "id")!);
      this.#lines.push(`@@id([${fields.join(", ")}], map: ${quoted(index.name)})`);
    }
    this.#note(
      (listed ?? inline!).start,
      `The primary key is now ${fields.join(", ")}: a row is found by { ${fields.join("_")}: { … } }, or by findFirst as before.`,
    );
  }

  #inlineUnique(field: PrismaField): void {
    const attribute = field.attributes.find(({ name }) => name === "unique");
    if (attribute === undefined) return;
    const name = this.#nameOf(attribute) ?? usualName(this.#model.name, [field.column], "key");
    const index = indexFor({ name, columns: [field.column], isUnique: true }, this.#adopted);
    if (index === undefined) {
      this.#note(field.start, `The database has no unique key ${name}.`);
      return;
    }
    this.#seen.add(index.name);
    const columns = columnsOf(index);
    if (columns && sameOrder(columns, [field.column])) return;
    const code = this.#indexCode(index);
    if (code === undefined) {
      this.#note(field.start, `The unique key ${name} became: ${index.definition}`);
      return;
    }
    this.#remove(attribute);
    this.#lines.push(code);
    this.#note(
      field.start,
      `${field.name} is unique within a tenant: where it is looked up by findUnique({ where: { ${field.name} } }), use findFirst.`,
    );
  }

  #listed(attribute: PrismaAttribute): void {
    const isUnique = attribute.name === "unique";
    const list = argumentOf(attribute, "fields", true);
    const columns = this.#columns(fieldsOf(list));
    const name =
      this.#nameOf(attribute) ?? usualName(this.#model.name, columns, isUnique ? "key" : "idx");
    const index = indexFor({ name, columns, isUnique }, this.#adopted);
    if (index === undefined || list === undefined) {
      this.#note(attribute.start, `The database has no index ${name}.`);
      return;
    }
    this.#seen.add(index.name);
    const { tenant } = this.#adopted;
    const now = index.keys.map(({ column }) => column);
    if (!now.includes(tenant.name) || columns.includes(tenant.name)) return;
    const field = this.#context.fieldFor(this.#model, tenant.name);
    if (now[0] !== tenant.name || now.length !== columns.length + 1 || field === undefined) {
      this.#note(attribute.start, `The index ${name} became: ${index.definition}`);
      return;
    }
    this.#edits.insert(list.valuePlace.start + 1, `${field}, `);
    this.#nameIt(attribute, index.name);
    if (isUnique && stringValue(argumentOf(attribute, "name")) === undefined) {
      this.#note(
        attribute.start,
        `${columns.join(", ")} are unique within a tenant: where they are looked up by findUnique, use findFirst.`,
      );
    }
  }

  // The usual name follows from the columns, so what keeps its name has to say it.
  #nameIt(attribute: PrismaAttribute, name: string): void {
    if (argumentOf(attribute, "map") === undefined && attribute.inside) {
      this.#edits.insert(attribute.inside.end, `, map: ${quoted(name)}`);
    }
  }

  #nameOf(attribute: PrismaAttribute): string | undefined {
    return stringValue(argumentOf(attribute, "map"));
  }

  #indexCode(index: Index): string | undefined {
    const columns = columnsOf(index);
    const fields = columns && this.#fields(columns);
    if (fields === undefined || !isPlain(index)) return undefined;
    return `@@${index.isUnique ? "unique" : "index"}([${fields.join(", ")}], map: ${quoted(index.name)})`;
  }

  // Prisma neither reads nor compares indexes with a predicate or an expression.
  #newIndexes(): void {
    const { table, tenant } = this.#adopted;
    for (const index of table.indexes) {
      if (index.isPrimary || index.isExclusion || this.#seen.has(index.name)) continue;
      if (index.predicate !== null || !index.keys.some(({ column }) => column === tenant.name))
        continue;
      if (columnsOf(index) === undefined) continue;
      const code = this.#indexCode(index);
      if (code === undefined)
        this.#note(
          this.#model.place.start,
          `The database has an index that is left to you: ${index.definition}`,
        );
      else this.#lines.push(code);
    }
  }

  #relation(field: PrismaField): void {
    const attribute = field.attributes.find(({ name }) => name === "relation");
    const from = argumentOf(attribute, "fields");
    const to = argumentOf(attribute, "references");
    const target = this.#context.model(field.type);
    if (attribute === undefined || from === undefined || to === undefined) return;
    if (target === undefined) {
      this.#note(
        field.start,
        `The model ${field.type} is in none of the files. Have the relation name the tenant, if its table has one.`,
      );
      return;
    }
    const columns = this.#columns(fieldsOf(from));
    const name = this.#nameOf(attribute) ?? usualName(this.#model.name, columns, "fkey");
    const key = foreignKeyFor({ name, columns, references: target }, this.#adopted);
    if (key === undefined) {
      this.#note(field.start, `The database has no foreign key ${name} to ${label(target)}.`);
      return;
    }
    if (sameNames(key.columns, columns)) return;
    const fields = this.#fields(key.columns);
    const references = key.referencedColumns.map((column) =>
      this.#context.fieldFor(target, column),
    );
    if (fields === undefined || references.includes(undefined)) {
      this.#note(field.start, `The foreign key ${name} became: ${key.definition}`);
      return;
    }
    this.#writeRelation(field, attribute, from, to, key, fields, references as string[]);
  }

  #writeRelation(
    field: PrismaField,
    attribute: PrismaAttribute,
    from: PrismaArgument,
    to: PrismaArgument,
    key: ForeignKey,
    fields: readonly string[],
    references: readonly string[],
  ): void {
    this.#edits.replace(from.valuePlace.start, from.valuePlace.end, `[${fields.join(", ")}]`);
    this.#edits.replace(to.valuePlace.start, to.valuePlace.end, `[${references.join(", ")}]`);
    const added: string[] = [];
    // What Prisma takes for granted follows from whether the reference may be empty, and the tenant never is.
    if (argumentOf(attribute, "onDelete") === undefined && key.onDelete !== "restrict") {
      added.push(`onDelete: ${ACTIONS[key.onDelete]}`);
    }
    if (argumentOf(attribute, "onUpdate") === undefined && key.onUpdate !== "cascade") {
      added.push(`onUpdate: ${ACTIONS[key.onUpdate]}`);
    }
    if (this.#nameOf(attribute) === undefined) added.push(`map: ${quoted(key.name)}`);
    if (added.length > 0) this.#edits.insert(attribute.inside!.end, `, ${added.join(", ")}`);
    if (field.arity === "?") {
      const own = fields.filter(
        (name) => name !== this.#context.fieldFor(this.#model, this.#adopted.tenant.name),
      );
      this.#note(
        field.start,
        `{ ${field.name}: { disconnect: true } } would empty the tenant as well, and is refused. Write { ${own.map((name) => `${name}: null`).join(", ")} } instead.`,
      );
    }
    if (key.onDeleteColumns.length > 0) {
      this.#note(
        field.start,
        `Prisma cannot say which columns ON DELETE ${key.onDelete.toUpperCase()} of ${key.name} touches: it is ${key.onDeleteColumns.join(", ")} in the database and in the migration. A database that is made from this file alone would refuse the delete instead.`,
      );
    }
  }

  #remove(attribute: PrismaAttribute): void {
    const { text } = this.#model.file;
    let { start } = attribute;
    while (text[start - 1] === " " || text[start - 1] === "\t") start -= 1;
    this.#edits.replace(start, attribute.end, "");
  }

  #writeLines(): void {
    if (this.#lines.length === 0) return;
    const { file, fields, attributes, close } = this.#model;
    const end = lineEnd(file.text);
    const sample = fields[0] ?? attributes[0];
    const indent = sample ? indentAt(file.text, sample.start) : "  ";
    const gap = attributes.length === 0 ? end : "";
    const at = file.text.lastIndexOf("\n", close) + 1;
    this.#edits.insert(at, gap + this.#lines.map((line) => `${indent}${line}${end}`).join(""));
  }
}

const ACTIONS: Record<ReferentialAction, string> = {
  "no action": "NoAction",
  restrict: "Restrict",
  cascade: "Cascade",
  "set null": "SetNull",
  "set default": "SetDefault",
};

const isScalar = ({ attributes }: PrismaField) =>
  !attributes.some(({ name }) => name === "relation");

// Name and type in the columns of the field above, as `prisma format` would have them.
function aligned(above: PrismaField | undefined, name: string, type: string): [string, string] {
  if (above === undefined) return [name, type];
  const first = above.attributes[0];
  const nameWidth = above.typePlace.start - above.start - 1;
  const typeWidth = first ? first.start - above.typePlace.start - 1 : 0;
  return [name.padEnd(nameWidth), type.padEnd(typeWidth)];
}

/** A string of Prisma's schema language. */
const quoted = (text: string) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

// How Prisma names what has no name of its own, cut to PostgreSQL's 63 bytes.
function usualName(table: string, columns: readonly string[], suffix: string): string {
  const tail = `_${suffix}`;
  let head = [table, ...columns].join("_");
  while (Buffer.byteLength(head) > 63 - tail.length) head = head.slice(0, -1);
  return head + tail;
}
