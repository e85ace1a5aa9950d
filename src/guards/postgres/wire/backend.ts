/** Writes the server's side of the protocol. Source: PostgreSQL manual, chapter 54.7 "Message Formats". */

function message(type: string, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(5 + size);
  bytes.write(type, 0, "latin1");
  bytes.writeUInt32BE(size + 4, 1);
  return bytes;
}

function withBody(type: string, body: Buffer): Buffer {
  const bytes = message(type, body.length);
  body.copy(bytes, 5);
  return bytes;
}

const empty = (type: string) => message(type, 0);

export const bindComplete = empty("2");
export const noData = empty("n");
export const emptyQuery = empty("I");
export const portalSuspended = empty("s");
export const closeComplete = empty("3");
export const copyDone = empty("c");

export const readyForQuery = (status: string) => withBody("Z", Buffer.from(status, "latin1"));
export const commandComplete = (tag: string) => withBody("C", Buffer.from(`${tag}\0`));
export const copyData = (chunk: Uint8Array) => withBody("d", Buffer.from(chunk));

/** CopyInResponse or CopyOutResponse; how the columns are formatted is in the data. */
export const copyResponse = (direction: "in" | "out") =>
  withBody(direction === "in" ? "G" : "H", Buffer.alloc(3));

/** What a server says to a driver that has just connected. There is no backend that it could cancel by a key. */
export function welcome(parameters: Readonly<Record<string, string>>): Buffer {
  const ok = withBody("R", Buffer.alloc(4));
  const statuses = Object.entries(parameters).map(([name, value]) =>
    withBody("S", Buffer.from(`${name}\0${value}\0`)),
  );
  return Buffer.concat([ok, ...statuses, readyForQuery("I")]);
}

/** A row, each value as text or null. */
export function dataRow(fields: readonly (string | null)[]): Buffer {
  let size = 2;
  const lengths = fields.map((field) => {
    const length = field === null ? -1 : Buffer.byteLength(field);
    size += 4 + Math.max(length, 0);
    return length;
  });
  const bytes = message("D", size);
  let at = bytes.writeUInt16BE(fields.length, 5);
  for (const [index, field] of fields.entries()) {
    at = bytes.writeInt32BE(lengths[index] ?? -1, at);
    if (field !== null) at += bytes.write(field, at);
  }
  return bytes;
}

/** A column of a result, by what is told of it. */
export interface ColumnDescription {
  readonly name: string;
  readonly tableID: number;
  readonly columnID: number;
  readonly dataTypeID: number;
  readonly dataTypeSize: number;
  readonly dataTypeModifier: number;
  readonly format: string;
}

export function rowDescription(columns: readonly ColumnDescription[]): Buffer {
  const parts = columns.flatMap((column) => {
    const about = Buffer.allocUnsafe(18);
    about.writeUInt32BE(column.tableID, 0);
    about.writeInt16BE(column.columnID, 4);
    about.writeUInt32BE(column.dataTypeID, 6);
    about.writeInt16BE(column.dataTypeSize, 10);
    about.writeInt32BE(column.dataTypeModifier, 12);
    about.writeInt16BE(column.format === "binary" ? 1 : 0, 16);
    return [Buffer.from(`${column.name}\0`), about];
  });
  const count = Buffer.allocUnsafe(2);
  count.writeUInt16BE(columns.length);
  return withBody("T", Buffer.concat([count, ...parts]));
}

export function parameterDescription(types: readonly number[]): Buffer {
  const bytes = message("t", 2 + 4 * types.length);
  let at = bytes.writeUInt16BE(types.length, 5);
  for (const type of types) at = bytes.writeUInt32BE(type, at);
  return bytes;
}

// Both severities are the same: `pg` keeps the translated one alone.
const FIELDS: readonly (readonly [code: string, name: string])[] = [
  ["S", "severity"],
  ["V", "severity"],
  ["C", "code"],
  ["M", "message"],
  ["D", "detail"],
  ["H", "hint"],
  ["P", "position"],
  ["p", "internalPosition"],
  ["q", "internalQuery"],
  ["W", "where"],
  ["s", "schema"],
  ["t", "table"],
  ["c", "column"],
  ["d", "dataType"],
  ["n", "constraint"],
  ["F", "file"],
  ["L", "line"],
  ["R", "routine"],
];

/** ErrorResponse (`E`) or NoticeResponse (`N`), from what `pg` made of one, with some fields replaced. */
export function complaint(type: "E" | "N", told: object, replaced: object = {}): Buffer {
  const fields = FIELDS.flatMap(([code, name]) => {
    const value: unknown = Reflect.get(name in replaced ? replaced : told, name);
    return typeof value === "string" ? [`${code}${value}\0`] : [];
  });
  return withBody(type, Buffer.from(`${fields.join("")}\0`));
}
