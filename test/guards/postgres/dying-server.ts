import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A server that can be told to end a connection together with its next answer. */
export interface DyingServer {
  /** The same connection string, to this server. */
  through(url: string): string;
  /** The next ReadyForQuery, of whichever connection, is followed in the same packet by the server's last word. */
  dieReady(): void;
  /** The next error that the server tells, to whichever connection, is followed in the same packet by its last word. */
  dieRefusing(): void;
  /** The next request to cancel a statement does not get through. */
  loseCancel(): void;
  close(): Promise<void>;
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const FIELDS = "SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";

// CancelRequest: its length and its code. PostgreSQL manual, chapter 55.7 "Message Formats".
const isCancel = (chunk: Buffer) => chunk.length === 16 && chunk.readUInt32BE(4) === 80_877_102;

/** Types of the messages of which a chunk holds the beginning; a chunk begins with one here, for answers are short. */
function typesIn(chunk: Buffer): string {
  let types = "";
  for (let at = 0; at + 5 <= chunk.length; at += 1 + chunk.readUInt32BE(at + 1)) {
    types += String.fromCharCode(chunk[at]!);
  }
  return types;
}

/** Stands before the server of `serverUrl`. */
export async function dyingServer(serverUrl: string): Promise<DyingServer> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const lastWord = Buffer.alloc(5 + FIELDS.length);
  lastWord.write("E", 0, "latin1");
  lastWord.writeUInt32BE(4 + FIELDS.length, 1);
  lastWord.write(FIELDS, 5, "latin1");
  let dying: "ready" | "refusing" | undefined;
  let losing = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    client
      .on("data", (chunk: Buffer) => {
        if (!losing || !isCancel(chunk)) return upstream.write(chunk);
        losing = false;
        return client.end();
      })
      .on("end", () => upstream.end());
    upstream.on("end", () => client.end());
    upstream.on("data", (chunk: Buffer) => {
      if (!isLast(chunk)) return client.write(chunk);
      dying = undefined;
      client.end(Buffer.concat([chunk, lastWord]));
      upstream.destroy();
      return undefined;
    });
  });
  const isLast = (chunk: Buffer) =>
    (dying === "ready" && chunk.subarray(-READY.length).equals(READY)) ||
    (dying === "refusing" && typesIn(chunk).includes("E"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    through: (url) => {
      const changed = new URL(url);
      changed.host = `127.0.0.1:${port}`;
      return changed.href;
    },
    dieReady: () => {
      dying = "ready";
    },
    dieRefusing: () => {
      dying = "refusing";
    },
    loseCancel: () => {
      losing = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
