import type { ForeignKey, Index, Table } from "../schema.js";
import {
  columnsOf,
  indexFor,
  isPlain,
  primaryKeyOf,
  sameNames,
  type TenantTable,
  type TenantTables,
} from "./adopted.js";
import type { TypeormForm } from "./typeorm-form.js";
import { columnName, newProperty, snakeCase } from "./entity-names.js";
import { OptionEdits, type OptionsPlace } from "./option-edits.js";
import { bare, placeOf, propertyOf, type Expression, type Place } from "./syntax.js";
import { addToType } from "./schema-type.js";
import { lineAt, type SchemaNote } from "./text-edits.js";
import type {
  TypeormEntity,
  TypeormJoinColumn,
  TypeormKey,
  TypeormRelation,
} from "./typeorm-model.js";
import { joinColumnsOf } from "./typeorm-syntax.js";

/** What the edits of one entity may look at beside the entity itself. */
export interface TypeormContext {
  readonly tables: TenantTables;
  /** The entity that a relation's other end names, with its table where that is a tenant's. */
  readonly resolve: (
    name: string | undefined,
  ) => { readonly entity: TypeormEntity; readonly adopted: TenantTable | undefined } | undefined;
  /** The tenant table that a join table is, by the names it may have. */
  readonly tableNamed: (
    names: readonly string[],
    schema: string | undefined,
  ) => TenantTable | undefined;
  readonly note: (note: SchemaNote) => void;
}

/** Brings one entity in line with the database. */
export class TypeormEntityEdits {
  readonly #entity: TypeormEntity;
  readonly #adopted: TenantTable;
  readonly #form: TypeormForm;
  readonly #context: TypeormContext;
  readonly #options = new Map<OptionsPlace, OptionEdits>();
  readonly #seen = new Set<string>();
  readonly #tenant: string;

  constructor(
    entity: TypeormEntity,
    adopted: TenantTable,
    form: TypeormForm,
    context: TypeormContext,
  ) {
    this.#entity = entity;
    this.#adopted = adopted;
    this.#form = form;
    this.#context = context;
    this.#tenant = tenantProperty(entity, adopted);
  }

  write(): void {
    if (this.#entity.isPartial) {
      this.#note(
        this.#entity.place,
        "Some of what it declares is written elsewhere, and was not looked at.",
      );
    }
    this.#tenantColumn();
    for (const key of this.#entity.keys) this.#key(key);
    for (const column of this.#entity.columns) {
      if (!column.isUnique) continue;
      const index = this.#indexOf(undefined, [column.property], true);
      if (index === undefined) continue;
      if (column.isInherited) this.#inherited(column.place, index);
      else if (this.#declare(index, [column.property], ""))
        this.#edit(column.options).remove("unique");
    }
    for (const relation of this.#entity.relations) this.#relation(relation);
    this.#newKeys();
    for (const edits of this.#options.values()) edits.write();
    this.#form.write();
  }

  #note(place: Place, text: string): void {
    const { file, name } = this.#entity;
    this.#context.note({
      path: file.path,
      line: lineAt(file.text, place.start),
      object: name,
      text,
    });
  }

  #edit(options: OptionsPlace): OptionEdits {
    const known = this.#options.get(options) ?? new OptionEdits(this.#entity.file, options);
    this.#options.set(options, known);
    return known;
  }

  #quote(text: string): string {
    return this.#entity.file.quote(text);
  }

  #tenantColumn(): void {
    const { table, tenant } = this.#adopted;
    const index = primaryKeyOf(table);
    const isPrimary = (index && columnsOf(index))?.includes(tenant.name) === true;
    const known = this.#entity.columns.find((column) => columnName(column, table) === tenant.name);
    const value = tenant.default === null ? undefined : `() => ${this.#quote(tenant.default)}`;
    if (known === undefined) {
      this.#form.addColumn(this.#tenant, tenant, isPrimary, value);
      const { file, place, type } = this.#entity;
      if (type !== undefined && !addToType(file, type, this.#tenant))
        this.#note(place, `Add ${this.#tenant}?: string to ${type}.`);
      return;
    }
    if (known.isInherited || (isPrimary && !known.isPrimary)) {
      this.#note(
        known.place,
        `Have ${known.property} be ${isPrimary ? "primary and " : ""}not nullable, with default: ${value ?? "none"}, update: false.`,
      );
      return;
    }
    const edits = this.#edit(known.options);
    if (tenant.notNull) edits.remove("nullable");
    if (value !== undefined && !this.#isValue(known.options, value)) edits.set("default", value);
    // Options behind a type take no `update`.
    const takesUpdate = known.options.behind === undefined;
    if (takesUpdate && propertyOf(known.options.object, "update") === undefined)
      edits.set("update", "false");
  }

  #isValue({ object }: OptionsPlace, value: string): boolean {
    const node = propertyOf(object, "default");
    if (node === undefined) return false;
    const { text } = this.#entity.file;
    const plain = (code: string) => code.replaceAll(/["'`]/g, "'");
    return plain(text.slice(placeOf(node).start, placeOf(node).end)) === plain(value);
  }

  /** The columns of a property: its own, or the join columns of a relation. */
  #columnsOf(property: string): readonly string[] | undefined {
    const { table } = this.#adopted;
    if (property === this.#tenant) return [this.#adopted.tenant.name];
    const column = this.#entity.columns.find((one) => one.property === property);
    if (column) return [columnName(column, table)];
    const relation = this.#entity.relations.find((one) => one.property === property);
    return relation && this.#joinColumns(relation)?.map(({ name }) => name);
  }

  /** The property that holds a column, or a relation that stands on it alone. */
  #propertyOf(column: string): string | undefined {
    if (column === this.#adopted.tenant.name) return this.#tenant;
    const known = this.#entity.columns.find(
      (one) => columnName(one, this.#adopted.table) === column,
    );
    if (known) return known.property;
    return this.#entity.relations.find((relation) => {
      const names = this.#joinColumns(relation);
      return names?.length === 1 && names[0]!.name === column;
    })?.property;
  }

  #indexOf(
    name: string | undefined,
    properties: readonly string[],
    isUnique: boolean,
  ): Index | undefined {
    const columns = properties.map((property) => this.#columnsOf(property));
    if (columns.includes(undefined)) return undefined;
    const index = indexFor(
      { name: name ?? "", columns: (columns as string[][]).flat(), isUnique },
      this.#adopted,
    );
    return index && this.#isTenants(index) && !index.isPrimary ? index : undefined;
  }

  #isTenants(index: Index): boolean {
    return index.keys.some(({ column }) => column === this.#adopted.tenant.name);
  }

  #inherited(place: Place, index: Index): void {
    this.#seen.add(index.name);
    this.#note(
      place,
      `It is declared in a class that others may extend. Declare ${index.name} of ${columnsOf(index)?.join(", ") ?? index.definition} on ${this.#entity.name} instead.`,
    );
  }

  #key(key: TypeormKey): void {
    const { table } = this.#adopted;
    if (!key.isSynchronized) {
      if (key.name !== undefined) this.#seen.add(key.name);
      return;
    }
    const named = table.indexes.find(({ name }) => name === key.name);
    if (key.properties === undefined) {
      if (named === undefined || this.#isTenants(named))
        this.#note(
          key.place,
          "Its columns are not written out. Have it hold the tenant's column as the database does.",
        );
      if (named) this.#seen.add(named.name);
      return;
    }
    const index = this.#indexOf(key.name, key.properties, key.isUnique);
    if (index === undefined || this.#seen.has(index.name)) return;
    if (key.isInherited) {
      this.#inherited(key.place, index);
      return;
    }
    if (key.member !== undefined) {
      const { object } = key.options;
      const { text } = this.#entity.file;
      const given = object ? text.slice(placeOf(object).start, placeOf(object).end) : "";
      if (this.#declare(index, key.properties, given)) this.#form.removeDecorator(key.place);
      return;
    }
    this.#seen.add(index.name);
    const columns = columnsOf(index);
    if (columns === undefined) {
      this.#note(
        key.place,
        `${index.name} has expressions, of which TypeORM knows nothing. Have it be synchronize: false.`,
      );
      return;
    }
    if (key.name === undefined) this.#form.nameKey(key, index.name);
    if (!key.properties.includes(this.#tenant)) this.#addTenant(key, columns);
  }

  #addTenant(key: TypeormKey, columns: readonly string[]): void {
    const { edits } = this.#entity.file;
    const list = key.list?.type === "ArrayExpression" ? key.list : arrayBehind(key.list);
    if (list === undefined) return;
    const parameter = key.list?.type === "ArrowFunctionExpression" ? key.list.params[0] : undefined;
    const code =
      parameter?.type === "Identifier"
        ? `${parameter.name}.${this.#tenant}`
        : this.#quote(this.#tenant);
    const isFirst = columns[0] === this.#adopted.tenant.name;
    const { start, end } = placeOf(list);
    const [first] = list.elements;
    const last = list.elements.at(-1);
    if (!first || !last) edits.replace(start + 1, end - 1, code);
    else if (isFirst) edits.insert(placeOf(first).start, `${code}, `);
    else edits.insert(placeOf(last).end, `, ${code}`);
  }

  /** Declares an index of the database on the whole entity. Gives false where its columns have no properties. */
  #declare(index: Index, properties: readonly string[], options: string): boolean {
    this.#seen.add(index.name);
    const columns = columnsOf(index);
    const names = columns?.map((column) =>
      column === this.#adopted.tenant.name ? this.#tenant : this.#named(column, properties),
    );
    if (names === undefined || names.includes(undefined)) {
      this.#note(
        this.#entity.place,
        `Have ${index.name} be of ${columns?.join(", ") ?? index.definition}, or exempt it with synchronize: false.`,
      );
      return false;
    }
    this.#form.addKey({ index, properties: names as string[], options });
    return true;
  }

  #named(column: string, properties: readonly string[]): string | undefined {
    const same = properties.find((one) => {
      const own = this.#columnsOf(one);
      return own?.length === 1 && own[0] === column;
    });
    return same ?? this.#propertyOf(column);
  }

  #newKeys(): void {
    for (const index of this.#adopted.table.indexes) {
      if (this.#seen.has(index.name) || index.isPrimary || !this.#isTenants(index)) continue;
      if (index.isExclusion) continue;
      // What TypeORM cannot say, it would take down, were it not told to leave it.
      if (columnsOf(index) === undefined || (!isPlain(index) && index.constraint === null)) {
        this.#form.exemptIndex(index.name);
        this.#seen.add(index.name);
      } else this.#declare(index, [], "");
    }
  }

  /** The columns a relation stands on, each with the property of the other entity that it holds. */
  #joinColumns(
    relation: TypeormRelation,
  ):
    | { name: string; referenced: string | undefined; given: TypeormJoinColumn | undefined }[]
    | undefined {
    if (relation.kind === "many-to-many") return undefined;
    const { table, tenant } = this.#adopted;
    const target = this.#context.resolve(relation.targetName);
    const primary = target?.entity.columns.filter((column) => column.isPrimary) ?? [];
    const has = (name: string) => table.columns.some((column) => column.name === name);
    const written = relation.joinColumns.length > 0 ? relation.joinColumns : [undefined];
    const isWhole = written.every((one) => one?.referenced === undefined);
    // One without a name stands for every column of the other's primary key.
    const wanted: { given: TypeormJoinColumn | undefined; referenced: string | undefined }[] =
      isWhole && primary.length > 0
        ? primary
            .filter(
              (column) =>
                columnName(column, target!.adopted?.table) !== target!.adopted?.tenant.name,
            )
            .map(({ property }, at) => ({ given: written[at], referenced: property }))
        : written.map((given) => ({ given, referenced: given?.referenced }));
    const names = wanted.flatMap(({ given, referenced }) => {
      const usual = camelUnderscore(relation.property, referenced ?? "id");
      const name =
        given?.name ??
        [usual, snakeCase(usual), `${relation.property}_${referenced ?? "id"}`].find(has);
      return name !== undefined && has(name) && name !== tenant.name
        ? [{ name, referenced, given }]
        : [];
    });
    return names.length > 0 ? names : undefined;
  }

  #relation(relation: TypeormRelation): void {
    if (relation.kind === "many-to-many") {
      this.#joinTable(relation);
      return;
    }
    const { table, tenant } = this.#adopted;
    const columns = this.#joinColumns(relation);
    if (columns === undefined) {
      this.#note(
        relation.place,
        `It is not known which columns ${relation.property} stands on. Bring its foreign key in line by hand.`,
      );
      return;
    }
    const target = this.#context.resolve(relation.targetName);
    const names = columns.map(({ name }) => name);
    const candidates = table.foreignKeys.filter(
      (key) =>
        key.columns.includes(tenant.name) &&
        sameNames(
          key.columns.filter((one) => one !== tenant.name),
          names,
        ),
    );
    const key =
      candidates.find((one) => one.references.name === target?.adopted?.table.name) ??
      candidates[0];
    if (key === undefined || isOff(relation.options, "createForeignKeyConstraints")) return;
    if (relation.isInherited) {
      this.#note(
        relation.place,
        `It is declared in a class that others may extend. Have ${key.name} be of ${key.columns.join(", ")} on ${this.#entity.name}.`,
      );
      return;
    }
    this.#edit(relation.options).set("createForeignKeyConstraints", "false");
    const known = target?.entity;
    this.#form.addForeignKey({
      key,
      target: relation.target,
      columns: key.columns.map((column) =>
        column === tenant.name ? this.#tenant : (this.#propertyOf(column) ?? column),
      ),
      referencedColumns: key.referencedColumns.map((column) =>
        known ? referencedProperty(known, target.adopted, column) : column,
      ),
    });
    this.#joinsOf(relation, columns, target?.adopted);
    this.#listed(relation.place, key);
  }

  // No ORM can say which columns are emptied, so what it would make of the entity alone refuses the delete.
  #listed(place: Place, { name, onDelete, onDeleteColumns }: ForeignKey): void {
    if (onDeleteColumns.length === 0) return;
    this.#note(
      place,
      `ON DELETE ${onDelete.toUpperCase()} of ${name} touches ${onDeleteColumns.join(", ")} alone, which only the migration can say; TypeORM does not compare it.`,
    );
  }

  /** Where the other's primary key now begins with the tenant, a relation has to say that it holds the rest of it. */
  #joinsOf(
    relation: TypeormRelation,
    columns: readonly {
      name: string;
      referenced: string | undefined;
      given: TypeormJoinColumn | undefined;
    }[],
    other: TenantTable | undefined,
  ): void {
    if (other === undefined || !isKeyed(other)) return;
    const missing = columns.filter(
      ({ given, referenced }) => given?.referenced === undefined && referenced !== undefined,
    );
    for (const { name, referenced, given } of missing) {
      if (given) {
        const edits = this.#edit(given.options);
        if (given.name === undefined) edits.set("name", this.#quote(name));
        edits.set("referencedColumnName", this.#quote(referenced!));
      } else if (columns.length === 1) {
        this.#form.addJoinColumn(relation, name, referenced!);
      } else {
        this.#note(
          relation.place,
          `Have ${relation.property} say of each join column which property it holds, the tenant's left out.`,
        );
        return;
      }
    }
  }

  #joinTable(relation: TypeormRelation): void {
    const { joinTable } = relation;
    if (joinTable === undefined || relation.isInherited) return;
    const target = this.#context.resolve(relation.targetName);
    const written = propertyOf(joinTable.options.object, "name");
    const name = written && "value" in written ? String(written.value) : undefined;
    const schema = propertyOf(joinTable.options.object, "schema");
    const usual = snakeCase(
      `${this.#adopted.table.name}_${relation.property}_${target?.adopted?.table.name ?? target?.entity.tables[0] ?? ""}`,
    );
    const table = this.#context.tableNamed(
      name === undefined ? [usual] : [name],
      schema && "value" in schema ? String(schema.value) : this.#adopted.table.schema,
    );
    if (table === undefined) return;
    if (!this.#form.canExempt) {
      this.#note(
        relation.place,
        `TypeORM would take the tenant's column out of ${table.table.name}, since a schema cannot exempt a join table. Give it a schema of its own.`,
      );
      return;
    }
    const edits = this.#edit(joinTable.options);
    edits.set("synchronize", "false");
    const own = { entity: this.#entity, adopted: this.#adopted };
    for (const [side, key] of [
      [own, "joinColumn"],
      [target, "inverseJoinColumn"],
    ] as const) {
      if (side?.adopted === undefined || !isKeyed(side.adopted)) continue;
      this.#joinTableSide(relation, edits, table.table, side.entity, side.adopted, key);
    }
  }

  #joinTableSide(
    relation: TypeormRelation,
    edits: OptionEdits,
    junction: Table,
    entity: TypeormEntity,
    adopted: TenantTable,
    key: "joinColumn" | "inverseJoinColumn",
  ): void {
    const given = joinColumnsOf(relation.joinTable!.options, key);
    if (given.length > 0 && given.every(({ referenced }) => referenced !== undefined)) return;
    const primary = entity.columns.filter(
      (column) => column.isPrimary && columnName(column, adopted.table) !== adopted.tenant.name,
    );
    const [only] = primary;
    const usual = camelUnderscore(adopted.table.name, only?.property ?? "id");
    const name = [given[0]?.name, usual, snakeCase(usual)].find(
      (one) => one !== undefined && junction.columns.some((column) => column.name === one),
    );
    if (only === undefined || primary.length > 1 || name === undefined) {
      this.#note(
        relation.place,
        `Have the join table of ${relation.property} say which columns of ${entity.name} it holds, the tenant's left out.`,
      );
      return;
    }
    if (given[0])
      this.#edit(given[0].options).set("referencedColumnName", this.#quote(only.property));
    else
      edits.set(
        key,
        `{ name: ${this.#quote(name)}, referencedColumnName: ${this.#quote(only.property)} }`,
      );
  }
}

/** Whether the primary key of a table holds its tenant. */
function isKeyed({ table, tenant }: TenantTable): boolean {
  const index = primaryKeyOf(table);
  return (index && columnsOf(index))?.includes(tenant.name) === true;
}

/** The property that is, or will be, the tenant's. */
function tenantProperty(entity: TypeormEntity, { table, tenant }: TenantTable): string {
  const known = entity.columns.find((column) => columnName(column, table) === tenant.name);
  if (known) return known.property;
  const taken = [...entity.columns, ...entity.relations].map(({ property }) => property);
  return newProperty(tenant.name, taken);
}

function referencedProperty(
  entity: TypeormEntity,
  adopted: TenantTable | undefined,
  column: string,
): string {
  if (column === adopted?.tenant.name) return tenantProperty(entity, adopted);
  return (
    entity.columns.find((one) => columnName(one, adopted?.table) === column)?.property ?? column
  );
}

// As TypeORM's own strategy names a join column.
function camelUnderscore(first: string, second: string): string {
  return `${first}_${second}`.replaceAll(/[_\s-](\w)/g, (_, letter: string) =>
    letter.toUpperCase(),
  );
}

function arrayBehind(node: Expression | undefined) {
  if (node?.type !== "ArrowFunctionExpression" || node.body.type === "BlockStatement")
    return undefined;
  const body = bare(node.body);
  return body.type === "ArrayExpression" ? body : undefined;
}

const isOff = ({ object }: OptionsPlace, key: string) => {
  const node = propertyOf(object, key);
  return node?.type === "BooleanLiteral" && !node.value;
};
