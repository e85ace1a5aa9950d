import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** What crossed the wire while something ran. */
export interface Crossing {
  /** How often the client spoke and then waited for the server: each costs the network's latency once. */
  readonly trips: number;
  /** Types of the client's messages in order, a space wherever the server answered: `"PBDES"` is one extended query. */
  readonly sent: string;
}

/** A tap between a client and a PostgreSQL server, reading the client's messages as they pass. */
export interface Wire {
  /** The same connection string, through the tap. */
  through(url: string): string;
  /** Runs `fn` and tells what crossed meanwhile. Connections opened by `fn` count with their whole start-up. */
  during(fn: () => Promise<unknown>): Promise<Crossing>;
  close(): Promise<void>;
}

// Length of the type byte and of the length that follows it, which counts itself but not the type.
const TYPE = 1;
const LENGTH = 4;

/** Splits a client's bytes into messages and tells the type of each; the first message of a connection has none. */
function messageTypes(tell: (type: string) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let started = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = started ? TYPE : 0;
      if (rest.length < head + LENGTH) return;
      const end = head + rest.readUInt32BE(head);
      if (rest.length < end) return;
      if (started) tell(rest.toString("latin1", 0, TYPE));
      started = true;
      rest = rest.subarray(end);
    }
  };
}

/**
 * Taps the wire to the server of `serverUrl`. A round trip is a change of direction: the server answers after the
 * client spoke. The server holds its answers back until Sync, Flush or a simple query, so one trip stays one however
 * TCP cuts it.
 *
 * Source: PostgreSQL manual, chapter 54.2.3 "Extended Query".
 */
export async function tapWire(serverUrl: string): Promise<Wire> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let sent = "";
  let trips = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    let clientSpokeLast = false;
    const read = messageTypes((type) => (sent += type));
    client.on("data", (chunk: Buffer) => {
      read(chunk);
      clientSpokeLast = true;
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (clientSpokeLast) {
        trips += 1;
        sent += " ";
      }
      clientSpokeLast = false;
      client.write(chunk);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
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
    during: async (fn) => {
      sent = "";
      trips = 0;
      await fn();
      return { trips, sent: sent.trim() };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
