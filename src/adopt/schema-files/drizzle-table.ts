import type { ForeignKey, Index, Table } from "../schema.js";
import {
  columnsOf,
  foreignKeyFor,
  indexFor,
  isPlain,
  label,
  policiesOf,
  primaryKeyOf,
  sameNames,
  sameOrder,
  type TenantTable,
  type TenantTables,
} from "./adopted.js";
import { addToList, DrizzleExtra } from "./drizzle-extra.js";
import { camelCase } from "./names.js";
import type { DrizzleImports } from "./drizzle-imports.js";
import { arrayOf, type DrizzleColumn, type DrizzleTable } from "./drizzle-source.js";
import type { DrizzlePolicies } from "./drizzle-policies.js";
import {
  bare,
  callChain,
  placeOf,
  propertyOf,
  returned,
  stringOf,
  type Call,
  type CallChain,
  type Expression,
  type Place,
} from "./syntax.js";
import { lineAt, type SchemaNote } from "./text-edits.js";

/** What the edits of one table may look at beside the table itself. */
export interface DrizzleContext {
  readonly tables: TenantTables;
  readonly imports: DrizzleImports;
  readonly policies: DrizzlePolicies;
  /** The table that a variable of this file holds. */
  readonly resolve: (variable: string) => DrizzleTable | undefined;
  /** The key that a table's column has, those that are being added among them. */
  readonly keyFor: (table: DrizzleTable, column: string) => string | undefined;
  readonly note: (note: SchemaNote) => void;
}

/** Brings one table of a Drizzle file in line with the database. */
export class DrizzleTableEdits {
  readonly #source: DrizzleTable;
  readonly #adopted: TenantTable;
  readonly #context: DrizzleContext;
  readonly #extra: DrizzleExtra;
  readonly #seen = new Set<string>();

  constructor(source: DrizzleTable, adopted: TenantTable, context: DrizzleContext) {
    this.#source = source;
    this.#adopted = adopted;
    this.#context = context;
    this.#extra = new DrizzleExtra(source);
  }

  write(): void {
    if (!this.#extra.isEditable) {
      this.#note(
        this.#source.place,
        "The table's third argument is not a function that gives back a list written out. Bring its keys and policies in line with the database by hand.",
      );
      return;
    }
    if (this.#source.isPartial) {
      this.#note(
        this.#source.place,
        "Some of the table's columns are not written out here, and were not looked at.",
      );
    }
    this.#tenantColumn();
    this.#primaryKey();
    for (const column of this.#source.columns) {
      // Columns that several tables share by a spread are not this table's to change.
      if (!this.#isOwn(column.chain.place)) this.#sharedColumn(column);
      else {
        this.#inlineUnique(column);
        this.#inlineReference(column);
      }
    }
    for (const entry of this.#extra.entries) this.#entry(entry);
    this.#newIndexes();
    this.#policies();
    this.#extra.write();
  }

  #isOwn(place: Place): boolean {
    const own = placeOf(this.#source.columnsObject);
    return place.start >= own.start && place.end <= own.end;
  }

  #note(place: Place, text: string): void {
    const { file, variable } = this.#source;
    this.#context.note({
      path: file.path,
      line: lineAt(file.text, place.start),
      object: variable,
      text,
    });
  }

  #columnByName(name: string): DrizzleColumn | undefined {
    return this.#source.columns.find((column) => column.name === name);
  }

  #quote(text: string): string {
    return this.#source.file.quote(text);
  }

  /** How this table's function speaks of its columns; nothing where one is not in the file. */
  #refs(columns: readonly string[]): string[] | undefined {
    const keys = columns.map((column) => this.#context.keyFor(this.#source, column));
    return keys.includes(undefined)
      ? undefined
      : keys.map((key) => this.#extra.column(key as string));
  }

  #tenantColumn(): void {
    const { tenant } = this.#adopted;
    const { imports } = this.#context;
    const value = `${imports.sql}\`${inTemplate(tenant.default ?? "")}\``;
    const existing = this.#columnByName(tenant.name);
    if (existing === undefined) {
      const key = this.#context.keyFor(this.#source, tenant.name)!;
      const builder = builderFor(tenant.type);
      const { builder: parameter } = this.#source;
      const call =
        parameter === undefined ? imports.builder(builder.name) : `${parameter}.${builder.name}`;
      const code = `${key}: ${call}(${this.#quote(tenant.name)}${builder.options}).notNull()${tenant.default === null ? "" : `.default(${value})`}`;
      const { columnsObject, file } = this.#source;
      const last = columnsObject.properties.at(-1);
      addToList(file, placeOf(columnsObject), last && placeOf(last), [code]);
      return;
    }
    if (!this.#isOwn(existing.chain.place)) {
      this.#note(existing.chain.place, `Have ${existing.key} be .notNull().default(${value}).`);
      return;
    }
    const { calls, place } = existing.chain;
    const { edits } = this.#source.file;
    if (!calls.some(({ name }) => name === "notNull" || name === "primaryKey")) {
      edits.insert(place.end, ".notNull()");
    }
    if (tenant.default === null) return;
    const given = calls.find(({ name }) => name === "default");
    if (given === undefined) edits.insert(place.end, `.default(${value})`);
    else if (!this.#isSql(given, tenant.default))
      edits.replace(given.inside.start, given.inside.end, value);
  }

  #isSql(call: Call, text: string): boolean {
    const [argument] = call.arguments;
    if (argument?.type !== "TaggedTemplateExpression") return false;
    return argument.quasi.quasis.length === 1 && argument.quasi.quasis[0]?.value.cooked === text;
  }

  #primaryKey(): void {
    const index = primaryKeyOf(this.#adopted.table);
    const wanted = index && columnsOf(index);
    if (index === undefined || wanted === undefined) return;
    const inline = this.#source.columns.filter(({ chain }) =>
      chain.calls.some(({ name }) => name === "primaryKey"),
    );
    const entry = this.#extra.entries
      .map((one) => callChain(one, this.#source.file.text))
      .find((chain) => chain?.base.name === "primaryKey");
    const declared = entry ? this.#columnsOfPrimaryKey(entry) : inline.map(({ name }) => name);
    if (declared === undefined) {
      this.#note(entry!.place, `Have the primary key ${index.name} be of ${wanted.join(", ")}.`);
      return;
    }
    if (sameNames(declared, wanted)) return;
    const refs = this.#refs(wanted);
    if (refs === undefined || inline.some(({ chain }) => !this.#isOwn(chain.place))) {
      this.#note(
        this.#source.place,
        `Have the primary key ${index.name} be of ${wanted.join(", ")}.`,
      );
      return;
    }
    const { edits } = this.#source.file;
    const code = `${this.#context.imports.builder("primaryKey")}({ name: ${this.#quote(index.name)}, columns: [${refs.join(", ")}] })`;
    if (entry) {
      edits.replace(entry.place.start, entry.place.end, code);
      return;
    }
    for (const { chain } of inline) {
      const call = chain.calls.find(({ name }) => name === "primaryKey")!;
      const isNotNull = chain.calls.some(({ name }) => name === "notNull");
      edits.replace(call.place.start, call.place.end, isNotNull ? "" : ".notNull()");
    }
    this.#extra.add("pk", code);
  }

  #columnsOfPrimaryKey({ base }: CallChain): string[] | undefined {
    const listed = arrayOf(base.arguments[0] && bare(base.arguments[0]), "columns");
    return this.#names(listed ? (listed.elements as Expression[]) : base.arguments);
  }

  /** The database's names of columns that the table's function speaks of. */
  #names(expressions: readonly (Expression | null)[]): string[] | undefined {
    const names = expressions.map((expression) => {
      const key = expression === null ? undefined : this.#extra.keyOf(expression);
      return this.#source.columns.find((column) => column.key === key)?.name;
    });
    return names.includes(undefined) ? undefined : (names as string[]);
  }

  #sharedColumn({ key, chain }: DrizzleColumn): void {
    const bound = chain.calls.find(({ name }) => name === "unique" || name === "references");
    if (bound === undefined) return;
    this.#note(
      this.#source.place,
      `${key} is shared by several tables, and its .${bound.name}() lacks the tenant. Declare it in each table instead.`,
    );
  }

  #inlineUnique({ name: column, chain }: DrizzleColumn): void {
    const call = chain.calls.find(({ name }) => name === "unique");
    if (call === undefined) return;
    const name = stringOf(call.arguments[0]) ?? `${this.#source.name}_${column}_unique`;
    const index = indexFor({ name, columns: [column], isUnique: true }, this.#adopted);
    if (index === undefined) {
      this.#note(call.place, `The database has no unique key ${name}.`);
      return;
    }
    this.#seen.add(index.name);
    const columns = columnsOf(index);
    if (columns && sameOrder(columns, [column])) return;
    const code = this.#indexCode(index);
    if (code === undefined) {
      this.#note(call.place, `The unique key ${name} became: ${index.definition}`);
      return;
    }
    this.#source.file.edits.replace(call.place.start, call.place.end, "");
    this.#extra.add(camelCase(index.name), code);
  }

  #inlineReference({ name: column, chain }: DrizzleColumn): void {
    const call = chain.calls.find(({ name }) => name === "references");
    if (call === undefined) return;
    const body = returned(call.arguments[0]);
    const target = body?.type === "MemberExpression" ? this.#targetOf(body.object) : undefined;
    const key =
      body?.type === "MemberExpression" && body.property.type === "Identifier"
        ? body.property.name
        : undefined;
    const referenced = target?.table.columns.find((one) => one.key === key)?.name;
    if (target === undefined || referenced === undefined) {
      this.#note(
        call.place,
        "It is not known which table this refers to. Have the reference name the tenant, if that table has one.",
      );
      return;
    }
    const name = `${this.#source.name}_${column}_${target.table.name}_${referenced}_fk`;
    const found = foreignKeyFor(
      { name, columns: [column], references: target.table },
      this.#adopted,
    );
    if (found === undefined) {
      this.#note(call.place, `The database has no foreign key ${name}.`);
      return;
    }
    this.#seen.add(found.name);
    if (sameOrder(found.columns, [column])) return;
    const code = this.#foreignKeyCode(found, target, call.place);
    if (code === undefined) return;
    this.#source.file.edits.replace(call.place.start, call.place.end, "");
    this.#extra.add(camelCase(found.name), code);
  }

  #targetOf(
    expression: Expression,
  ): { readonly table: DrizzleTable; readonly code: string } | undefined {
    const node = bare(expression);
    const { text } = this.#source.file;
    const name =
      node.type === "Identifier"
        ? node.name
        : node.type === "MemberExpression" && node.property.type === "Identifier"
          ? node.property.name
          : undefined;
    const table = name === undefined ? undefined : this.#context.resolve(name);
    return table && { table, code: text.slice(placeOf(node).start, placeOf(node).end) };
  }

  #foreignKeyCode(
    key: ForeignKey,
    target: { readonly table: DrizzleTable; readonly code: string },
    place: Place,
  ): string | undefined {
    const pairs = this.#pairsAsPulled(key, target.table);
    const from = this.#refs(pairs.map(([column]) => column));
    const isSelf = target.table === this.#source;
    const to = isSelf
      ? this.#refs(pairs.map(([, column]) => column))
      : pairs.map(([, column]) => {
          const name = this.#context.keyFor(target.table, column);
          return name === undefined ? undefined : `${target.code}.${name}`;
        });
    if (from === undefined || to === undefined || to.includes(undefined)) {
      this.#note(place, `The foreign key ${key.name} became: ${key.definition}`);
      return undefined;
    }
    if (key.onDeleteColumns.length > 0) {
      this.#note(
        place,
        `Drizzle cannot say which columns ON DELETE ${key.onDelete.toUpperCase()} of ${key.name} touches: it is ${key.onDeleteColumns.join(", ")} in the database and in the migration. A database that drizzle-kit pushes from this file alone would refuse the delete instead.`,
      );
    }
    const actions = `${key.onDelete === "no action" ? "" : `.onDelete(${this.#quote(key.onDelete)})`}${key.onUpdate === "no action" ? "" : `.onUpdate(${this.#quote(key.onUpdate)})`}`;
    return `${this.#context.imports.builder("foreignKey")}({ name: ${this.#quote(key.name)}, columns: [${from.join(", ")}], foreignColumns: [${to.join(", ")}] })${actions}`;
  }

  // drizzle-kit reads the columns of a foreign key back in the order in which they stand in the table, and compares
  // lists as they are.
  #asPulled(columns: readonly string[], table: Table = this.#adopted.table): string[] {
    const order = table.columns.map(({ name }) => name);
    return columns.toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
  }

  #pairsAsPulled(key: ForeignKey, target: DrizzleTable): [string, string][] {
    const pairs = key.columns.map((column, at): [string, string] => [
      column,
      key.referencedColumns[at]!,
    ]);
    const own = this.#asPulled(key.columns);
    const sorted = pairs.toSorted((a, b) => own.indexOf(a[0]) - own.indexOf(b[0]));
    const there = this.#context.tables.find(target)?.table;
    const pulled = there && this.#asPulled(key.referencedColumns, there);
    if (
      pulled &&
      sameOrder(
        pulled,
        sorted.map(([, column]) => column),
      )
    )
      return sorted;
    this.#note(
      this.#source.place,
      `drizzle-kit push and pull read ${key.name} back with its columns paired wrongly, because they stand in another order in ${label(target)}. Use drizzle-kit generate and migrate.`,
    );
    return pairs;
  }

  /** The declaration of an index or unique key; nothing where it is more than columns. */
  #indexCode(index: Index): string | undefined {
    const columns = columnsOf(index);
    if (columns === undefined) return undefined;
    const { imports } = this.#context;
    const { constraint } = index;
    if (constraint) {
      const refs = this.#refs(columns);
      if (refs === undefined || index.include.length > 0 || constraint.deferrable) return undefined;
      return `${imports.builder("unique")}(${this.#quote(constraint.name)}).on(${refs.join(", ")})${index.nullsNotDistinct ? ".nullsNotDistinct()" : ""}`;
    }
    const refs = this.#refs(columns);
    if (refs === undefined || index.nullsNotDistinct || !isPlain({ ...index, predicate: null }))
      return undefined;
    const builder = imports.builder(index.isUnique ? "uniqueIndex" : "index");
    const where =
      index.predicate === null ? "" : `.where(${imports.sql}\`${inTemplate(index.predicate)}\`)`;
    return `${builder}(${this.#quote(index.name)}).on(${refs.join(", ")})${where}`;
  }

  #entry(expression: Expression): void {
    const { text } = this.#source.file;
    const chain = callChain(expression, text);
    if (chain === undefined) return;
    if (chain.base.name === "foreignKey") this.#foreignKeyEntry(chain);
    else if (["unique", "uniqueIndex", "index"].includes(chain.base.name)) this.#indexEntry(chain);
    else if (chain.base.name === "pgPolicy") {
      const name = stringOf(chain.base.arguments[0]);
      if (name !== undefined) this.#seen.add(`policy ${name}`);
    }
  }

  #indexEntry(chain: CallChain): void {
    const { base } = chain;
    const on = chain.calls.find(({ name }) => ["on", "onOnly", "using"].includes(name));
    if (on === undefined) return;
    const written = on.name === "using" ? on.arguments.slice(1) : on.arguments;
    const columns = this.#names(written.map((one) => ordered(one, this.#source.file.text)));
    const isUnique = base.name !== "index";
    const usual =
      columns &&
      `${this.#source.name}_${columns.join("_")}_${base.name === "unique" ? "unique" : "index"}`;
    const given = stringOf(base.arguments[0]);
    const name = given ?? usual;
    if (name === undefined) return;
    const index = indexFor({ name, columns: columns ?? [], isUnique }, this.#adopted);
    if (index === undefined) {
      this.#note(chain.place, `The database has no index ${name}.`);
      return;
    }
    this.#seen.add(index.name);
    const { tenant } = this.#adopted;
    const now = index.keys.map(({ column }) => column);
    if (!now.includes(tenant.name) || this.#namesTenant(written)) return;
    // What was added is the tenant, in front; keys that stand behind it are left as they are written.
    const lead = this.#refs([tenant.name]);
    if (now[0] !== tenant.name || lead === undefined || now.length !== written.length + 1) {
      if (written.length > 0 || !index.isUnique)
        this.#note(chain.place, `The index ${name} became: ${index.definition}`);
      return;
    }
    const { edits } = this.#source.file;
    edits.insert(placeOf(written[0]!).start, `${lead[0]}, `);
    if (given === undefined) edits.insert(base.inside.start, this.#quote(index.name));
  }

  #namesTenant(written: readonly Expression[]): boolean {
    return written.some((one) => this.#names([one])?.[0] === this.#adopted.tenant.name);
  }

  #foreignKeyEntry(chain: CallChain): void {
    const [options] = chain.base.arguments;
    const object = options && bare(options);
    const columnsNode = arrayOf(object, "columns");
    const foreignNode = arrayOf(object, "foreignColumns");
    const columns = columnsNode && this.#names(columnsNode.elements as Expression[]);
    const first = foreignNode?.elements[0];
    const target =
      first?.type === "MemberExpression"
        ? this.#extra.keyOf(first) === undefined
          ? this.#targetOf(first.object)
          : { table: this.#source, code: this.#source.variable }
        : undefined;
    if (
      columns === undefined ||
      columnsNode === undefined ||
      foreignNode === undefined ||
      target === undefined
    ) {
      this.#note(
        chain.place,
        "It is not known which table this foreign key refers to. Have it name the tenant, if that table has one.",
      );
      return;
    }
    const referenced = foreignNode.elements.map((node) => {
      const key =
        node?.type === "MemberExpression" && node.property.type === "Identifier"
          ? node.property.name
          : undefined;
      return target.table.columns.find((one) => one.key === key)?.name ?? "";
    });
    const given = stringOf(propertyOf(object, "name"));
    const usual = [this.#source.name, ...columns, target.table.name, ...referenced, "fk"].join("_");
    const key = foreignKeyFor(
      { name: given ?? usual, columns, references: target.table },
      this.#adopted,
    );
    if (key === undefined) {
      this.#note(chain.place, `The database has no foreign key ${given ?? usual}.`);
      return;
    }
    this.#seen.add(key.name);
    if (sameNames(key.columns, columns)) return;
    const code = this.#foreignKeyCode(key, target, chain.place);
    if (code !== undefined)
      this.#source.file.edits.replace(chain.place.start, chain.place.end, code);
  }

  #newIndexes(): void {
    const { table, tenant } = this.#adopted;
    for (const index of table.indexes) {
      if (index.isPrimary || index.isExclusion || this.#seen.has(index.name)) continue;
      if (!index.keys.some(({ column }) => column === tenant.name)) continue;
      const code = this.#indexCode(index);
      if (code === undefined)
        this.#note(
          this.#source.place,
          `The database has an index that Drizzle cannot declare: ${index.definition}`,
        );
      else this.#extra.add(camelCase(index.name), code);
    }
  }

  #policies(): void {
    const missing = policiesOf(this.#adopted.table).filter(
      ({ name }) => !this.#seen.has(`policy ${name}`),
    );
    const spreads = this.#source.extra
      ? this.#source.file.text.slice(
          placeOf(this.#source.extra).start,
          placeOf(this.#source.extra).end,
        )
      : "";
    if (missing.length === 0 || this.#context.policies.isSpreadIn(spreads)) return;
    const name = this.#context.policies.helper(missing);
    this.#extra.spread(this.#extra.isArray ? `Object.values(${name}())` : `${name}()`);
  }
}

// `t.email.desc().nullsLast()` speaks of `t.email`.
function ordered(expression: Expression, source: string): Expression {
  let node = bare(expression);
  while (
    node.type === "CallExpression" &&
    node.callee.type === "MemberExpression" &&
    callChain(node, source) !== undefined
  ) {
    node = bare(node.callee.object);
  }
  return node;
}

/** Text as it stands within a template literal. */
export const inTemplate = (text: string) => text.replaceAll(/[\\`]|\$(?=\{)/g, String.raw`\$&`);

function builderFor(type: string): { readonly name: string; readonly options: string } {
  if (type === "bigint") return { name: "bigint", options: ', { mode: "bigint" }' };
  return { name: type === "uuid" ? "uuid" : "text", options: "" };
}
