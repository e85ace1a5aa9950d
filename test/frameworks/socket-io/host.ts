import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { handshakeAuth, tenancy } from "partywall/frameworks/socket-io";
import type { LiveOptions, SocketIoRequest } from "partywall/frameworks/socket-io";
import { header, subdomain } from "partywall/resolvers";
import { Server } from "socket.io";
import type { ServerOptions } from "socket.io";
import { io as connect } from "socket.io-client";
import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";
import { onTestFinished } from "vitest";
import { threeTenants } from "../instance.js";

type Options = LiveOptions<SocketIoRequest, string, Readonly<Record<string, unknown>>>;

/** A client and what it was sent. */
export interface Client {
  readonly socket: Socket;
  readonly got: string[];
}

/** A server whose Ada and Bob are members of Acme and Globex, unless `members` says otherwise. */
export async function live(
  given: Partial<Options> = {},
  server: Partial<ServerOptions> = {},
  before: (io: Server) => void = () => {},
) {
  const pw = await threeTenants();
  const members = new Set(["ada@acme", "ada@globex", "bob@acme", "bob@globex"]);
  const errors: unknown[] = [];
  const http = createServer();
  const io = new Server(http, server);
  before(io);
  const wall = tenancy(pw, io, {
    resolve: [handshakeAuth("tenant"), header("x-tenant"), subdomain("example.com")],
    principal: async (req) => {
      await sleep(1);
      return typeof req.auth["user"] === "string" ? req.auth["user"] : "ada";
    },
    authorize: ({ tenant, principal }) => members.has(`${principal}@${tenant.slug}`),
    onError: (error) => errors.push(error),
    ...given,
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  onTestFinished(async () => {
    await io.close();
    http.closeAllConnections();
  });

  const open = (
    auth: Record<string, unknown>,
    options: Partial<ManagerOptions & SocketOptions> = {},
    namespace = "",
  ): Client => {
    const socket = connect(`http://127.0.0.1:${port}${namespace}`, {
      auth,
      forceNew: true,
      reconnection: false,
      transports: ["websocket"],
      ...options,
    });
    onTestFinished(() => void socket.disconnect());
    const got: string[] = [];
    socket.onAny((event: string, ...args: unknown[]) => {
      if (typeof args.at(-1) === "function") (args.at(-1) as (answer: string) => void)(event);
      got.push([event, ...args.filter((arg) => typeof arg !== "function")].join(" "));
    });
    return { socket, got };
  };
  /** A client that is connected. */
  const join = async (
    tenant: string,
    user = "ada",
    options?: Partial<ManagerOptions & SocketOptions>,
    namespace?: string,
  ) => {
    const client = open({ tenant, user }, options, namespace);
    await new Promise<void>((done, fail) => {
      client.socket.once("connect", done);
      client.socket.once("connect_error", fail);
    });
    return client;
  };
  /** What a client is told that is refused. */
  const refused = (...how: Parameters<typeof open>) =>
    new Promise<{ message: string; data?: unknown }>((done, fail) => {
      const { socket } = open(...how);
      socket.once("connect_error", (error) =>
        done({ message: error.message, data: (error as { data?: unknown }).data }),
      );
      socket.once("connect", () => fail(new Error("it was let in")));
    });
  return { pw, io, wall, http, port, open, join, refused, members, errors };
}

/** Waits until what was sent before has come to the clients, of whom each is asked over its own connection. */
export async function settled(clients: readonly Client[]): Promise<void> {
  await Promise.all(
    clients.map(
      ({ socket }) => new Promise<void>((done) => void socket.emit("settled?", () => done())),
    ),
  );
}

/** The code of what a function throws. */
export function codeOf(fn: () => unknown): unknown {
  try {
    fn();
    return "nothing thrown";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
