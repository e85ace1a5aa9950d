import type { MongoDocument } from "../../guards/mongodb/driver.js";
import { ARRAY, DOCUMENT, elementsOf, wrapped, type BsonElement } from "./bson-elements.js";
import type { Bson } from "./premises.js";

/** A document that the driver writes as it was read. */
export type StoredDocument = MongoDocument | ReadonlyMap<string, unknown>;

// Numbers keep their type, regular expressions their options, and bytes their subtype.
const AS_STORED = {
  promoteValues: false,
  promoteLongs: false,
  promoteBuffers: false,
  bsonRegExp: true,
};
const CANONICAL = { relaxed: false };

/**
 * The line of an archive for a document's bytes: a JSON array with the document in canonical Extended JSON, or, where that would
 * not come back to the same bytes (names that are numbers or begin with a dollar), its bytes in base64. Undefined for a document
 * that no driver can write as it is.
 *
 * @see https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
 */
export function lineOf(bson: Bson, bytes: Uint8Array): string | undefined {
  const text = attempt(() => {
    const document = bson.deserialize(bytes, AS_STORED);
    const line = bson.EJSON.stringify([document], CANONICAL);
    return isSame(bson, parsed(bson, line), bytes) ? line : undefined;
  });
  return text ?? attempt(() => (writable(bson, bytes) ? bytesLine(bytes) : undefined));
}

/** The document of a line; undefined for what is none. May throw what a parser throws. */
export function documentOf(bson: Bson, line: string): StoredDocument | undefined {
  const value = parsed(bson, line);
  if (typeof value !== "string") return isPlain(value) ? value : undefined;
  const bytes = Buffer.from(value, "base64");
  return bytesLine(bytes) === line ? inOrder(bson, bytes) : undefined;
}

/** The value of one member, numbers and all others as they are stored. */
export function valueOf(bson: Bson, bytes: Uint8Array, element: BsonElement): unknown {
  if (element.type === DOCUMENT) return inOrder(bson, bytes.subarray(element.value, element.end));
  return bson.deserialize(wrapped(bytes, element), AS_STORED)["v"];
}

const bytesLine = (bytes: Uint8Array) => JSON.stringify([Buffer.from(bytes).toString("base64")]);

function parsed(bson: Bson, line: string): unknown {
  const list: unknown = bson.EJSON.parse(line, CANONICAL);
  return Array.isArray(list) && list.length === 1 ? list[0] : undefined;
}

function isPlain(value: unknown): value is MongoDocument {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype &&
    !("_bsontype" in value)
  );
}

const writable = (bson: Bson, bytes: Uint8Array) => isSame(bson, inOrder(bson, bytes), bytes);

function isSame(bson: Bson, document: unknown, bytes: Uint8Array): boolean {
  if (typeof document !== "object" || document === null) return false;
  return Buffer.compare(bson.serialize(document as MongoDocument), bytes) === 0;
}

// In an object names that are whole numbers come first; a Map is written in its own order.
function inOrder(bson: Bson, bytes: Uint8Array): ReadonlyMap<string, unknown> {
  return new Map(elementsOf(bytes).map((one) => [one.name, exactly(bson, bytes, one)]));
}

function exactly(bson: Bson, bytes: Uint8Array, element: BsonElement): unknown {
  if (element.type !== ARRAY) return valueOf(bson, bytes, element);
  const list = bytes.subarray(element.value, element.end);
  return elementsOf(list).map((one) => exactly(bson, list, one));
}

function attempt<T>(work: () => T | undefined): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
