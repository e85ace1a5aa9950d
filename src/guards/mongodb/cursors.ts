import type { MongoDocument } from "./driver.js";
import type { Ticket } from "./ticket.js";

// Cursors that a server timed out leave their entry behind.
const MOST = 100_000;

// Of BSON, as the driver's answers that are read on demand take them.
const OBJECT = 3;
const LONG = 18;

interface OnDemand {
  get(name: string, type: number): unknown;
}

/** Who opened the cursors that are open on servers. A cursor's id is not a secret, so knowing it gives no right to it. */
export class OpenCursors {
  readonly #holders = new Map<string, string>();

  /** Whether every cursor that a command names was opened by the ticket's holder, on the server at `address`. */
  mayName({ holder }: Ticket, address: string, command: MongoDocument): boolean {
    return namedIds(command).every((id) => this.#holders.get(keyOf(address, id)) === holder);
  }

  /** Notes what an answer says of cursors. */
  answered(ticket: Ticket, address: string, command: MongoDocument, answer: unknown): void {
    const named = namedIds(command);
    const id = cursorIdOf(answer);
    if ("killCursors" in command || (named.length > 0 && id === "0")) {
      for (const one of named) this.#holders.delete(keyOf(address, one));
    } else if (id !== undefined && id !== "0") {
      this.#note(keyOf(address, id), ticket.holder);
    }
  }

  #note(key: string, holder: string): void {
    if (this.#holders.size >= MOST && !this.#holders.has(key)) {
      const oldest = this.#holders.keys().next().value;
      if (oldest !== undefined) this.#holders.delete(oldest);
    }
    this.#holders.set(key, holder);
  }

  /** Gives up the cursors of a holder: none is read on. */
  forget(holder: string): void {
    for (const [key, one] of this.#holders) if (one === holder) this.#holders.delete(key);
  }
}

const keyOf = (address: string, id: string) => `${address}/${id}`;

const NONE: readonly string[] = [];

function namedIds(command: MongoDocument): readonly string[] {
  if ("getMore" in command) return [textOf(command["getMore"])];
  const { killCursors, cursors } = command;
  if (killCursors === undefined) return NONE;
  return Array.isArray(cursors) ? cursors.map(textOf) : [""];
}

function cursorIdOf(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null) return undefined;
  const { get } = answer as Partial<OnDemand>;
  const id =
    typeof get === "function"
      ? ((answer as OnDemand).get("cursor", OBJECT) as OnDemand | null)?.get("id", LONG)
      : (answer as { cursor?: { id?: unknown } | null }).cursor?.id;
  return id === undefined || id === null ? undefined : textOf(id);
}

// A Long of the driver's, a bigint or a number, as it was told to read them.
const textOf = (id: unknown): string => String(id);
