import { createServer, connect, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** A relay before a server: what went through it is seen, and a connection can be broken. */
export interface Relay {
  /** The server's connection string through the relay, without a database. */
  readonly url: string;
  /** How often a command was sent through it. */
  sent(command: string): number;
  /** The bytes of the last command of a name. */
  last(command: string): Buffer | undefined;
  /** Breaks the connection that sends a command next, before the server hears it. */
  breakNext(command: string): void;
  /** Passes nothing on to the server from now on, the command that was heard last included. */
  mute(): void;
  /** How many connections are open through it. */
  open(): number;
  /** The most that were open at once. */
  most(): number;
  close(): Promise<void>;
}

/**
 * Starts a relay on a free port of 127.0.0.1.
 *
 * @param heard told of each command before the server is
 */
export async function startRelay(
  serverUrl: string,
  heard: (command: string) => void = () => undefined,
): Promise<Relay> {
  const { hostname, port } = new URL(serverUrl);
  const counts = new Map<string, number>();
  const messages = new Map<string, Buffer>();
  const sockets = new Set<Socket>();
  let breaking: string | undefined;
  let most = 0;
  let muted = false;
  const server = createServer((from) => {
    const to = connect(Number(port), hostname);
    for (const socket of [from, to]) {
      sockets.add(socket);
      most = Math.max(most, sockets.size / 2);
      socket.on("error", () => undefined);
      socket.once("close", () => {
        sockets.delete(socket);
        from.destroy();
        to.destroy();
      });
    }
    from.on("data", (bytes) => {
      const command = commandIn(bytes);
      if (command !== undefined) {
        if (command === breaking) {
          breaking = undefined;
          from.destroy();
          return;
        }
        heard(command);
        messages.set(command, bytes);
        counts.set(command, (counts.get(command) ?? 0) + 1);
      }
      if (!muted) to.write(bytes);
    });
    to.pipe(from);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `mongodb://127.0.0.1:${own}/`,
    sent: (command) => counts.get(command) ?? 0,
    last: (command) => messages.get(command),
    breakNext: (command) => void (breaking = command),
    mute: () => void (muted = true),
    open: () => sockets.size / 2,
    most: () => Math.floor(most),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

const OP_MSG = 2013;

// The first field of the first section of an OP_MSG names the command: header 16, flags 4, kind 1, length 4, type 1.
function commandIn(bytes: Buffer): string | undefined {
  if (bytes.length < 27 || bytes.readInt32LE(12) !== OP_MSG || bytes[20] !== 0) return undefined;
  return bytes.toString("utf8", 26, bytes.indexOf(0, 26));
}

/** How many sections an OP_MSG has whose documents travel beside the command's own. */
export function sectionsOf(message: Buffer): number {
  const end = message.readInt32LE(0);
  let sections = 0;
  // Each is a byte for its kind, and then its length.
  for (let at = 20; at < end; at += 1 + message.readInt32LE(at + 1)) sections += 1;
  return sections;
}
