import { Duplex } from "node:stream";
import { PartywallError } from "../../errors.js";
import type { PgliteTurn, PgliteTurns } from "./turns.js";

const code = (letter: string) => letter.charCodeAt(0);
const SYNC = code("S");
const TERMINATE = code("X");
const READY = code("Z");
const ERROR = code("E");
const IDLE = code("I");
// What the server answers: Sync, Query, Flush and the end of a COPY.
const ANSWERED = new Set([SYNC, code("Q"), code("H"), code("c"), code("f")]);
// What a startup packet says that is no setting.
const NO_SETTING = new Set(["user", "database", "replication"]);

const quoted = (text: string, mark: string) => mark + text.replaceAll(mark, mark + mark) + mark;

function queryMessage(text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const message = Buffer.alloc(5 + body.length);
  message.write("Q", 0, "latin1");
  message.writeInt32BE(body.length + 4, 1);
  body.copy(message, 5);
  return message;
}

/** The messages in a piece of the protocol, by their first byte and where they end. */
function* messagesOf(bytes: Buffer): Generator<{ readonly type: number; readonly end: number }> {
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) return;
    yield { type: bytes[at] as number, end };
    at = end;
  }
}

/**
 * A connection of `pg` to PGlite, in the place of a socket. The one session behind it is cleared when another connection
 * had it, and the role is taken anew for each transaction.
 *
 * Source: PostgreSQL manual, chapter 54 "Frontend/Backend Protocol".
 */
export class PgliteConnection extends Duplex {
  readonly #turns: PgliteTurns;
  readonly #role: string;
  readonly #waitMs: number;
  #received: Buffer = Buffer.alloc(0);
  #hasStarted = false;
  #settings: readonly (readonly [name: string, value: string])[] = [];
  #turn: PgliteTurn | undefined;

  constructor(turns: PgliteTurns, role: string, waitMs: number) {
    super();
    this.#turns = turns;
    this.#role = role;
    this.#waitMs = waitMs;
  }

  connect(): this {
    process.nextTick(() => this.emit("connect"));
    return this;
  }

  // The rest of what `pg` asks of a socket.
  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    // What the server answers is pushed when it has answered.
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.#answer().then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#end();
    this.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#end();
    done(error);
  }

  async #answer(): Promise<void> {
    if (!this.#hasStarted) {
      const { length } = this.#received;
      if (length < 4 || length < this.#received.readInt32BE(0)) return;
      this.#hasStarted = true;
      await this.#start(this.#take(this.#received.readInt32BE(0)));
    }
    let until = 0;
    for (const { type, end } of messagesOf(this.#received)) {
      if (type === TERMINATE) return this.#end();
      if (!ANSWERED.has(type)) continue;
      await this.#serve(this.#take(end - until));
      until = end;
    }
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  async #start(packet: Buffer): Promise<void> {
    const words = packet.subarray(8).toString().split("\0");
    const settings: [string, string][] = [];
    for (let at = 0; words[at]; at += 2) {
      if (!NO_SETTING.has(words[at] as string)) {
        settings.push([words[at] as string, words[at + 1] ?? ""]);
      }
    }
    this.#settings = settings;
    await this.#serve(packet);
  }

  async #serve(messages: Buffer): Promise<void> {
    const turn = (this.#turn ??= await this.#enter());
    // Closed while it waited.
    if (this.destroyed) return this.#end();
    const answer = Buffer.from(await turn.send(messages));
    let isIdle = false;
    for (const { type, end } of messagesOf(answer)) {
      isIdle = type === READY && answer[end - 1] === IDLE;
    }
    this.push(answer);
    if (isIdle) this.#end();
  }

  async #enter(): Promise<PgliteTurn> {
    const turn = await this.#turns.take(this, this.#waitMs);
    try {
      if (turn.isNew) {
        // One that ended within its transaction has left it open.
        await this.#own(turn, "rollback");
        await this.#own(turn, "discard all");
        for (const [name, value] of this.#settings) {
          const words = `${quoted(name, "'")}, ${quoted(value, "'")}`;
          await this.#own(turn, `select pg_catalog.set_config(${words}, false)`);
        }
      }
      await this.#own(turn, `set role ${quoted(this.#role, '"')}`);
      return turn;
    } catch (error) {
      turn.end();
      throw error;
    }
  }

  async #own(turn: PgliteTurn, text: string): Promise<void> {
    const answer = Buffer.from(await turn.send(queryMessage(text)));
    for (const { type } of messagesOf(answer)) {
      if (type !== ERROR) continue;
      throw new PartywallError(
        "PW_CONFIG",
        `PGlite did not take the role ${JSON.stringify(this.#role)} or a setting of the connection's startup. Create the role, and give settings that PostgreSQL knows; \`options\` is not taken.`,
      );
    }
  }

  #end(): void {
    const turn = this.#turn;
    this.#turn = undefined;
    turn?.end();
  }
}
