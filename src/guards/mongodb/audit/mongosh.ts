/** A call of a collection's method, as mongosh runs it; undefined where an argument cannot be written as text. */
export function collectionMethod(
  { database, name }: { readonly database: string; readonly name: string },
  method: string,
  args: readonly unknown[],
): string | undefined {
  return call(`${databaseIn(database)}.getCollection(${JSON.stringify(name)}).${method}`, args);
}

/** A command on a database, as mongosh runs it; undefined where it cannot be written as text. */
export function commandOn(database: string, command: object): string | undefined {
  return call(`${databaseIn(database)}.runCommand`, [command]);
}

const databaseIn = (database: string) => `db.getSiblingDB(${JSON.stringify(database)})`;

function call(callee: string, args: readonly unknown[]): string | undefined {
  if (!args.every(isWritable)) return undefined;
  return `${callee}(${args.map((one) => JSON.stringify(one)).join(", ")})`;
}

// A date or an id would come out as something else.
function isWritable(value: unknown): boolean {
  if (value === null || ["string", "boolean"].includes(typeof value)) return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isWritable);
  if (typeof value !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return (
    !("__proto__" in value && Object.hasOwn(value, "__proto__")) &&
    Object.values(value).every(isWritable)
  );
}
