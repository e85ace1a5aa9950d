import type { TablePlan } from "../plan.js";
import type { Column, ForeignKey, Index, ObjectName, Policy, Table, View } from "../schema.js";

/** A database after its adoption, with what the plan made of each table: what schema files are brought in line with. */
export interface AdoptedDatabase {
  /** Tables and views as the catalogue describes them once the plan has run. */
  readonly schema: { readonly tables: readonly Table[]; readonly views: readonly View[] };
  /** The plan's tables. */
  readonly tables: readonly TablePlan[];
}

/** A tenant table as it stands after adoption. */
export interface TenantTable {
  readonly table: Table;
  readonly tenant: Column;
}

/** The tenant tables of an adopted database, by their qualified name. */
export class TenantTables {
  readonly #byName = new Map<string, TenantTable>();

  constructor(database: AdoptedDatabase) {
    for (const plan of database.tables) {
      if (plan.kind !== "tenant") continue;
      const table = database.schema.tables.find((one) => isSame(one, plan));
      const tenant = table?.columns.find(({ name }) => name === plan.column);
      if (table && tenant) this.#byName.set(nameKey(plan), { table, tenant });
    }
  }

  find(name: ObjectName): TenantTable | undefined {
    return this.#byName.get(nameKey(name));
  }

  /** The one of a schema that has the first of the names; of any schema, where none is said and one alone has it. */
  named(names: readonly string[], schema: string | undefined): TenantTable | undefined {
    for (const name of names) {
      const own = this.find({ schema: schema ?? "public", name });
      const others = [...this].filter(({ table }) => table.name === name);
      const found = own ?? (schema === undefined && others.length === 1 ? others[0] : undefined);
      if (found) return found;
    }
    return undefined;
  }

  [Symbol.iterator](): IterableIterator<TenantTable> {
    return this.#byName.values();
  }
}

const nameKey = ({ schema, name }: ObjectName) => JSON.stringify([schema, name]);

export const isSame = (a: ObjectName, b: ObjectName) => a.schema === b.schema && a.name === b.name;

/** `sales.orders`, or `orders` where the schema is the usual one; for people. */
export const label = ({ schema, name }: ObjectName) =>
  schema === "public" ? name : `${schema}.${name}`;

/** The columns of an index; nothing where a key is an expression. */
export function columnsOf(index: Index): readonly string[] | undefined {
  const columns = index.keys.map(({ column }) => column);
  return columns.includes(null) ? undefined : (columns as string[]);
}

/** Whether an index is written by its columns alone: no expression, predicate, INCLUDE, operator class or order. */
export function isPlain(index: Index): boolean {
  return (
    index.method === "btree" &&
    index.predicate === null &&
    index.include.length === 0 &&
    index.storage.length === 0 &&
    index.keys.every(({ column, options }) => column !== null && options === "")
  );
}

/** Whether two lists hold the same names, in whatever order. */
export const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((name) => b.includes(name));

/** Whether two lists hold the same names in the same order. */
export const sameOrder = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((name, at) => b[at] === name);

/** A unique key or index that a schema file declares, in names of the database. */
export interface DeclaredIndex {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isUnique: boolean;
}

/** The index of the database that a declared one became: by its name, or by its columns beside the tenant's. */
export function indexFor(
  declared: DeclaredIndex,
  { table, tenant }: TenantTable,
): Index | undefined {
  const named = table.indexes.find(({ name }) => name === declared.name);
  if (named) return named;
  return table.indexes.find((index) => {
    const columns = columnsOf(index);
    return (
      columns !== undefined &&
      !index.isPrimary &&
      index.isUnique === declared.isUnique &&
      index.predicate === null &&
      sameOrder(without(columns, tenant.name), without(declared.columns, tenant.name))
    );
  });
}

/** A foreign key that a schema file declares, in names of the database. */
export interface DeclaredForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly references: ObjectName;
}

/** The foreign key of the database that a declared one became. */
export function foreignKeyFor(
  declared: DeclaredForeignKey,
  { table, tenant }: TenantTable,
): ForeignKey | undefined {
  const own = table.foreignKeys.filter((key) => isSame(key.references, declared.references));
  return (
    own.find(({ name }) => name === declared.name) ??
    own.find(({ columns }) =>
      sameNames(without(columns, tenant.name), without(declared.columns, tenant.name)),
    )
  );
}

/** The index behind the primary key. */
export const primaryKeyOf = (table: Table) => table.indexes.find(({ isPrimary }) => isPrimary);

/** Policies, in the order of their names. */
export const policiesOf = (table: Table): readonly Policy[] =>
  table.policies.toSorted((a, b) => (a.name < b.name ? -1 : 1));

const without = (names: readonly string[], name: string) => names.filter((one) => one !== name);
