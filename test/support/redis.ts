import { chown, mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineUrl } from "./engine.js";
import { freePort } from "./free-port.js";
import { unprivilegedAccount } from "./unprivileged-account.js";
import { endProcess, logOf, runWatched } from "./watched-process.js";

/** A Redis server of one test file's own. */
export interface Redis {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /**
   * Sends one command over a bare connection, unprefixed and unguarded, and gives what the server answers: text, whole
   * numbers, null, and arrays of them. Rejects with the server's error.
   */
  command(...words: readonly string[]): Promise<RedisReply>;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Stops it and removes its files. */
  stop(): Promise<void>;
}

/** What a server answers. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** Starts Redis on 127.0.0.1, with data in a temporary folder and nothing written to disk unless `settings` say so. */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<Redis> {
  const account = await unprivilegedAccount();
  const folder = await mkdtemp(join(tmpdir(), "partywall-redis-"));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    if (account) await chown(folder, account.uid, account.gid);
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      const all = {
        bind: "127.0.0.1",
        port: String(port),
        dir: folder,
        save: "",
        appendonly: "no",
        ...settings,
      };
      const child = runWatched(
        fileURLToPath(engineUrl("redis")),
        Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
        account,
        [folder],
      );
      const log = logOf(child);
      const exited = new Promise<void>((done) => child.once("exit", () => done()));
      const isUp = await new Promise<boolean>((settle) => {
        child.stdout?.on("data", () => log().includes("Ready to accept") && settle(true));
        child.once("close", () => settle(false));
        child.once("error", () => settle(false));
      });
      if (isUp) {
        return {
          url: `redis://127.0.0.1:${port}`,
          port,
          command: (...words) => ask(port, words),
          kill: async () => {
            child.kill("SIGKILL");
            await exited;
          },
          stop: async () => {
            await endProcess(child, exited);
            await removeFolder();
          },
        };
      }
      // Between finding a free port and taking it somebody else may have been quicker.
      if (log().includes("ddress already in use") && attempt < 5) continue;
      throw new Error(`Redis did not start in ${folder}:\n${log()}`);
    }
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

/** One command and its answer in RESP2, the protocol's own description: redis.io, "Redis serialization protocol". */
async function ask(port: number, words: readonly string[]): Promise<RedisReply> {
  const socket = connect(port, "127.0.0.1");
  try {
    const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    socket.write(`*${words.length}\r\n${bulk.join("")}`);
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const reply = parse(received, 0);
      if (reply === undefined) continue;
      if (reply.value instanceof Error) throw reply.value;
      return reply.value;
    }
    throw new Error("Redis closed the connection before it had answered.");
  } finally {
    socket.destroy();
  }
}

interface Parsed {
  readonly value: RedisReply | Error;
  readonly end: number;
}

/** The answer that begins at an offset; undefined while it has not wholly come. */
function parse(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf("\r\n", start);
  if (lineEnd < 0) return undefined;
  const kind = String.fromCharCode(bytes[start]!);
  const line = bytes.toString("utf8", start + 1, lineEnd);
  const end = lineEnd + 2;
  if (kind === "+") return { value: line, end };
  if (kind === "-") return { value: new Error(line), end };
  if (kind === ":") return { value: Number(line), end };
  const length = Number(line);
  if (length < 0) return { value: null, end };
  if (kind === "$") {
    if (bytes.length < end + length + 2) return undefined;
    return { value: bytes.toString("utf8", end, end + length), end: end + length + 2 };
  }
  const items: RedisReply[] = [];
  let at = end;
  for (let index = 0; index < length; index += 1) {
    const item = parse(bytes, at);
    if (item === undefined) return undefined;
    if (item.value instanceof Error) return item;
    items.push(item.value);
    at = item.end;
  }
  return { value: items, end: at };
}
