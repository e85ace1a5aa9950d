import { types } from "node:util";
import type { Document } from "./command-scope.js";
import { refused } from "./refusal.js";

const VERSION = Symbol.for("@@mdb.bson.version");
const LEAVES = new Set([
  "ObjectId",
  "Decimal128",
  "Long",
  "Timestamp",
  "Double",
  "Int32",
  "Binary",
  "BSONSymbol",
  "BSONRegExp",
  "Code",
  "MinKey",
  "MaxKey",
]);
const WHOLE_NUMBER = /^\d+$/;
const DEEPEST = 200;

/**
 * A copy of a value as the driver will serialise it: toBSON() called, getters read once, Maps as documents, nothing inherited.
 * What is decided over the copy is what is sent. Throws `PW_STATEMENT_REFUSED` for what would not be sent as it reads.
 */
export function plain(value: unknown, depth = 0): unknown {
  if (depth > DEEPEST)
    throw refused("A command is nested too deeply or in a circle", "Make it flat.");
  const raw = serialisable(value);
  if (typeof raw !== "object" || raw === null) {
    if (typeof raw === "function" || typeof raw === "symbol") return undefined;
    return raw;
  }
  if (isLeaf(raw)) return raw;
  if (Array.isArray(raw)) return Array.from(raw, (item) => plain(item, depth + 1));
  const copy = members(raw);
  for (const key of Object.keys(copy)) put(copy, key, plain(copy[key], depth + 1));
  return copy;
}

/** A document's own members as they will be serialised, the values as they are. Undefined where the value is no document. */
export function shallow(value: unknown): Document | undefined {
  const raw = serialisable(value);
  if (typeof raw !== "object" || raw === null || Array.isArray(raw) || isLeaf(raw))
    return undefined;
  return members(raw);
}

/** The value that stands in a value's place when it is serialised. */
export function serialisable(value: unknown): unknown {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return value;
  const convert = (value as { toBSON?: unknown }).toBSON;
  return typeof convert === "function" ? (convert.call(value) as unknown) : value;
}

/** Whether a value of {@link plain} is a document, rather than a scalar or an array. */
export function isDocument(value: unknown): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isLeaf(value);
}

/** Sets a member, whatever its name: assigning `__proto__` would set none. */
export function put(target: Document, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  } else target[key] = value;
}

/** A document's own member; undefined where it has none, whatever it inherits. */
export const own = (document: Document, key: string): unknown =>
  Object.hasOwn(document, key) ? document[key] : undefined;

function isLeaf(value: object): boolean {
  const type = (value as { _bsontype?: unknown })._bsontype;
  if (type !== undefined && type !== null) {
    if (type === "DBRef") return false;
    if (typeof type === "string" && LEAVES.has(type) && VERSION in value) return true;
    throw refused(
      "A command holds an object that claims to be a BSON type and is none that the guard knows",
      "Send values of the driver's own BSON classes.",
    );
  }
  if (Object.getPrototypeOf(value) === Object.prototype) return false;
  return (
    types.isDate(value) ||
    types.isRegExp(value) ||
    types.isUint8Array(value) ||
    types.isAnyArrayBuffer(value)
  );
}

function members(raw: object): Document {
  const copy: Document = {};
  if ((raw as { _bsontype?: unknown })._bsontype === "DBRef") {
    const { collection, oid, db, fields } = raw as Record<string, unknown>;
    const rest = typeof fields === "object" && fields !== null ? (fields as Document) : {};
    return {
      $ref: collection,
      $id: oid,
      ...(db === undefined || db === null ? {} : { $db: db }),
      ...rest,
    };
  }
  if (raw instanceof Map || types.isMap(raw)) {
    for (const [key, value] of raw as Map<unknown, unknown>) {
      // A number and its text would be two fields of one name; whole numbers lose their order in an object.
      if (typeof key !== "string" || WHOLE_NUMBER.test(key)) {
        throw refused(
          "A Map in a command has a key that is a whole number or no string",
          "Name fields by other strings.",
        );
      }
      put(copy, key, value);
    }
  } else for (const key of Object.keys(raw)) put(copy, key, (raw as Document)[key]);
  // As a method of the copy it would be called once more, after all was decided.
  if (typeof own(copy, "toBSON") === "function") delete copy["toBSON"];
  return copy;
}
