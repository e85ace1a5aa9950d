/** A message of the driver's, as it came. */
export interface FrontendMessage {
  /** Its type byte as a letter; empty for what begins a connection, which has none. */
  readonly type: string;
  readonly bytes: Buffer;
}

const LENGTH = 4;
const HEAD = 5;

/**
 * Cuts what a driver writes into messages.
 *
 * Source: PostgreSQL manual, chapter 54.7 "Message Formats".
 */
export class FrontendReader {
  #rest: Buffer = Buffer.alloc(0);
  #hasStarted = false;

  read(chunk: Uint8Array): FrontendMessage[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#rest, chunk]);
    const messages: FrontendMessage[] = [];
    for (;;) {
      const head = this.#hasStarted ? HEAD - LENGTH : 0;
      if (this.#rest.length < head + LENGTH) return messages;
      const end = head + this.#rest.readUInt32BE(head);
      if (this.#rest.length < end) return messages;
      const bytes = this.#rest.subarray(0, end);
      messages.push({ type: this.#hasStarted ? bytes.toString("latin1", 0, 1) : "", bytes });
      this.#hasStarted = true;
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Whether a StartupMessage asks for the replication protocol. */
export function asksForReplication({ bytes }: FrontendMessage): boolean {
  const words = bytes.toString("utf8", 8).split("\0");
  return words.some((word, at) => at % 2 === 0 && word === "replication");
}

/** Where the text of a Parse or Query begins. */
function textAt({ type, bytes }: FrontendMessage): number {
  return type === "P" ? bytes.indexOf(0, HEAD) + 1 : HEAD;
}

/** The SQL text of a Parse or Query. */
export function textOfMessage(message: FrontendMessage): string {
  const start = textAt(message);
  return message.bytes.toString("utf8", start, message.bytes.indexOf(0, start));
}

/** A Parse or Query with another text. */
export function withText(message: FrontendMessage, text: string): FrontendMessage {
  const start = textAt(message);
  const end = message.bytes.indexOf(0, start);
  const bytes = Buffer.concat([
    message.bytes.subarray(0, start),
    Buffer.from(text),
    message.bytes.subarray(end),
  ]);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return { type: message.type, bytes };
}

/** Whether a message names a prepared statement, which tenant SQL could replace. */
export function namesStatement({ type, bytes }: FrontendMessage): boolean {
  if (type === "P") return bytes[HEAD] !== 0;
  if (type === "B") return bytes[bytes.indexOf(0, HEAD) + 1] !== 0;
  if (type === "D" || type === "C") return bytes[HEAD] === 83 && bytes[HEAD + 1] !== 0;
  return false;
}

// Bind, Describe and Execute of the unnamed statement and portal, without parameters.
const BIND = "B\0\0\0\x0c\0\0\0\0\0\0\0\0";
const DESCRIBE = "D\0\0\0\x06P\0";
const EXECUTE = "E\0\0\0\x09\0\0\0\0\0";

/** What a text is sent as in the extended protocol, without the Sync. */
export function extendedQuery(text: string): Buffer {
  const parse = Buffer.from(`P\0\0\0\0\0${text}\0\0\0`);
  parse.writeUInt32BE(parse.length - 1, 1);
  return Buffer.concat([parse, Buffer.from(BIND + DESCRIBE + EXECUTE, "latin1")]);
}
