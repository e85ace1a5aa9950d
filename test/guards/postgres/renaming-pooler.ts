import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A stand-in for a pooler that gives prepared statements names of its own, as PgBouncer does from 1.21 on. */
export interface RenamingPooler {
  /** The same connection string, through it. */
  through(url: string): string;
  close(): Promise<void>;
}

const NAMED = /^[PBCD]$/;

// Where in a message's body the statement's name begins: Bind has the portal's first, Close and Describe the kind.
function nameAt(type: string, body: Buffer): number {
  if (type === "B") return body.indexOf(0) + 1;
  return type === "P" ? 0 : 1;
}

function renamed(type: string, body: Buffer): Buffer {
  const start = nameAt(type, body);
  if ((type === "C" || type === "D") && body.toString("latin1", 0, 1) !== "S") return body;
  const end = body.indexOf(0, start);
  if (end === start) return body;
  return Buffer.concat([body.subarray(0, start), Buffer.from("POOLER_"), body.subarray(start)]);
}

/** Starts one in front of the server of `serverUrl`. */
export async function renamingPooler(serverUrl: string): Promise<RenamingPooler> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    let rest = Buffer.alloc(0);
    let started = false;
    client.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const head = started ? 1 : 0;
        if (rest.length < head + 4) return;
        const end = head + rest.readUInt32BE(head);
        if (rest.length < end) return;
        const type = started ? rest.toString("latin1", 0, 1) : "";
        const message = rest.subarray(0, end);
        rest = rest.subarray(end);
        started = true;
        if (!NAMED.test(type)) {
          upstream.write(message);
          continue;
        }
        const body = renamed(type, message.subarray(5));
        const length = Buffer.alloc(4);
        length.writeInt32BE(body.length + 4);
        upstream.write(Buffer.concat([Buffer.from(type), length, body]));
      }
    });
    upstream.on("data", (chunk: Buffer) => client.write(chunk));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    through: (url) => {
      const changed = new URL(url);
      changed.hostname = "127.0.0.1";
      changed.port = String(port);
      return changed.href;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
