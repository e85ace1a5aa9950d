/** One member of a document as its bytes have it. */
export interface BsonElement {
  readonly type: number;
  readonly name: string;
  /** Where it begins, with its type. */
  readonly start: number;
  /** Where its value begins. */
  readonly value: number;
  /** Behind its value. */
  readonly end: number;
}

export const DOCUMENT = 0x03;
export const ARRAY = 0x04;

const FIXED: Readonly<Record<number, number>> = {
  0x01: 8,
  0x06: 0,
  0x07: 12,
  0x08: 1,
  0x09: 8,
  0x0a: 0,
  0x10: 4,
  0x11: 8,
  0x12: 8,
  0x13: 16,
  0x7f: 0,
  0xff: 0,
};

/**
 * The members of a document, in their order, also those of one name. Throws a `RangeError` for what is no BSON.
 *
 * @see https://bsonspec.org/spec.html
 */
export function elementsOf(bytes: Uint8Array): BsonElement[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = buffer.readInt32LE(0) - 1;
  if (last + 1 !== buffer.length || buffer[last] !== 0) throw notBson();
  const elements: BsonElement[] = [];
  for (let at = 4; at < last;) {
    const nameEnd = endOfName(buffer, at + 1);
    const type = buffer[at]!;
    const value = nameEnd + 1;
    const end = value + sizeOf(buffer, type, value);
    if (end > last || end < value) throw notBson();
    elements.push({ type, name: buffer.toString("utf8", at + 1, nameEnd), start: at, value, end });
    at = end;
  }
  return elements;
}

/** A document without one of its members. */
export function withoutElement(bytes: Uint8Array, { start, end }: BsonElement): Uint8Array {
  const rest = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  rest.writeInt32LE(rest.length, 0);
  return rest;
}

/** A document of one member, called `v`, with an element's value. */
export function wrapped(bytes: Uint8Array, { type, value, end }: BsonElement): Uint8Array {
  const head = Buffer.from([0, 0, 0, 0, type, 0x76, 0]);
  const document = Buffer.concat([head, bytes.subarray(value, end), Buffer.from([0])]);
  document.writeInt32LE(document.length, 0);
  return document;
}

function sizeOf(buffer: Buffer, type: number, at: number): number {
  const fixed = FIXED[type];
  if (fixed !== undefined) return fixed;
  switch (type) {
    case 0x02:
    case 0x0d:
    case 0x0e:
      return 4 + buffer.readInt32LE(at);
    case DOCUMENT:
    case ARRAY:
    case 0x0f:
      return buffer.readInt32LE(at);
    case 0x05:
      return 5 + buffer.readInt32LE(at);
    case 0x0b:
      return endOfName(buffer, endOfName(buffer, at) + 1) + 1 - at;
    case 0x0c:
      return 4 + buffer.readInt32LE(at) + 12;
    default:
      throw notBson();
  }
}

function endOfName(buffer: Buffer, at: number): number {
  const end = buffer.indexOf(0, at);
  if (end < 0) throw notBson();
  return end;
}

const notBson = () => new RangeError("these bytes are no BSON document");
