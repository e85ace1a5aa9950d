import type { NativeSchema, SchemaIndex, SchemaPath } from "./schema.js";

/** The option by which a unique index stays unique over all tenants. */
const PRESERVE = "preserveUniqueKey";

const preserved = new WeakSet<SchemaIndex>();

/**
 * Puts the tenant before the keys of a schema's unique indexes, be they of a field or of the schema. May be repeated, so that
 * indexes which were added since are led by it too.
 */
export function leadUniqueIndexes(schema: NativeSchema, tenantIdKey: string): void {
  for (const index of schema._indexes) lead(index, tenantIdKey);
  schema.eachPath((name, path) => {
    const index = uniqueIndexOf(path);
    if (index === undefined || name === tenantIdKey) return;
    const { type = 1, ...options } = index;
    path.index(null);
    delete path.options["unique"];
    schema.index({ [tenantIdKey]: 1, [name]: type }, behindTenant(options, [name]));
  });
}

function lead(index: SchemaIndex, tenantIdKey: string): void {
  const [key, { [PRESERVE]: preserve, ...options }] = index;
  if (preserve === true) preserved.add(index);
  // No server knows it as an option of an index.
  if (preserve !== undefined) index[1] = options;
  if (!options["unique"] || preserved.has(index) || Object.hasOwn(key, tenantIdKey)) return;
  index[0] = { [tenantIdKey]: 1, ...key };
  index[1] = behindTenant(options, Object.keys(key));
}

/** Behind a field that every document has, a sparse index would hold every document. */
function behindTenant({ sparse, ...options }: SchemaIndex[1], names: readonly string[]) {
  const [name, ...others] = names;
  if (!sparse || name === undefined || others.length > 0)
    return sparse === undefined ? options : { ...options, sparse };
  return { ...options, partialFilterExpression: { [name]: { $exists: true } } };
}

/** The index of a field, where it is unique and not to be left so. */
function uniqueIndexOf({ _index: index, options }: SchemaPath) {
  if (typeof index !== "object" || index === null || options[PRESERVE] === true) return undefined;
  const { [PRESERVE]: preserve, ...own } = index as Readonly<Record<string, unknown>>;
  return own["unique"] === true && preserve !== true ? own : undefined;
}
