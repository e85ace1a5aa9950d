import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A server that can be told to end a connection together with its next answer. */
export interface DyingServer {
  /** The same connection string, to this server. */
  through(url: string): string;
  /** The next ReadyForQuery, of whichever connection, is followed in the same packet by the server's last word. */
  dieReady(): void;
  close(): Promise<void>;
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const FIELDS = "SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";

/** Stands before the server of `serverUrl`. */
export async function dyingServer(serverUrl: string): Promise<DyingServer> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const lastWord = Buffer.alloc(5 + FIELDS.length);
  lastWord.write("E", 0, "latin1");
  lastWord.writeUInt32BE(4 + FIELDS.length, 1);
  lastWord.write(FIELDS, 5, "latin1");
  let dying = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    client.on("data", (chunk) => upstream.write(chunk)).on("end", () => upstream.end());
    upstream.on("end", () => client.end());
    upstream.on("data", (chunk: Buffer) => {
      if (!dying || !chunk.subarray(-READY.length).equals(READY)) return client.write(chunk);
      dying = false;
      client.end(Buffer.concat([chunk, lastWord]));
      upstream.destroy();
      return undefined;
    });
  });
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
      dying = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
