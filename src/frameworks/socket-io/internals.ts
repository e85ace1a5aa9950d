import { PartywallError } from "../../errors.js";
import type { NodeRequest } from "../node-request.js";

/** A packet of the Socket.IO protocol, revision 5. */
export interface Packet {
  readonly type: number;
}

/** Packet types that carry something to be heard: EVENT, ACK, BINARY_EVENT, BINARY_ACK. */
export const HEARD: readonly number[] = [2, 3, 5, 6];
/** Packet type of a refused connection. */
export const CONNECT_ERROR = 4;

/** Which sockets a call of an adapter is about. */
export interface BroadcastOptions {
  readonly rooms: ReadonlySet<string>;
  readonly except?: ReadonlySet<string>;
  readonly flags?: object;
}

/** What is kept of a connection for its recovery. */
export interface Session {
  readonly sid: string;
  readonly rooms: readonly string[];
}

/** What every adapter of Socket.IO 4 has. */
export interface Adapter {
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>;
  readonly sids: ReadonlyMap<string, ReadonlySet<string>>;
  addAll(id: string, rooms: ReadonlySet<string>): unknown;
  del(id: string, room: string): unknown;
  delAll(id: string): unknown;
  socketRooms(id: string): ReadonlySet<string> | undefined;
  sockets(rooms: ReadonlySet<string>): Promise<Set<string>>;
  broadcast(packet: object, options: BroadcastOptions): unknown;
  broadcastWithAck(
    packet: object,
    options: BroadcastOptions,
    counted: (clients: number) => void,
    ack: (...args: unknown[]) => void,
  ): unknown;
  fetchSockets(options: BroadcastOptions): Promise<unknown>;
  addSockets(options: BroadcastOptions, rooms: readonly string[]): unknown;
  delSockets(options: BroadcastOptions, rooms: readonly string[]): unknown;
  disconnectSockets(options: BroadcastOptions, close: boolean): unknown;
  serverSideEmit(packet: unknown[]): unknown;
  serverCount(): Promise<number>;
  persistSession(session: Session): unknown;
  restoreSession(pid: string, offset: string): Promise<Session | null> | null;
}

/** A client, over whose one connection several sockets go. */
export interface Client {
  readonly request: NodeRequest;
  readonly conn: { readonly readyState: string; readonly protocol: number };
  _packet(packet: object): void;
}

/** A socket: one client in one namespace. */
export interface Socket {
  readonly id: string;
  readonly client: Client;
  emit(event: string, ...args: unknown[]): boolean;
  ack(id: number): (...args: unknown[]) => void;
  disconnect(close: boolean): unknown;
  _onpacket(packet: Packet): void;
  _onclose(...args: unknown[]): unknown;
  _cleanup(): void;
}

/** A namespace that clients are in. */
export interface Namespace {
  readonly name: string;
  adapter: Adapter;
  sockets: Map<string, Socket>;
  _add(client: Client, auth: object, done: (socket: Socket) => void): Promise<void>;
  _createSocket(client: Client, auth: object): Promise<Socket>;
  _doConnect(socket: Socket, done: (socket: Socket) => void): void;
  _onServerSideEmit(args: unknown[]): void;
}

/** An Engine.IO server, which answers the HTTP requests. */
export interface Engine {
  readonly clients: Readonly<Record<string, { readonly request: NodeRequest } | undefined>>;
  use(
    middleware: (
      req: NodeRequest & { readonly _query?: { readonly sid?: string } },
      res: { writeHead(status: number, headers: object): unknown; end(body: string): unknown },
      next: (error?: unknown) => void,
    ) => void,
  ): unknown;
}

/** A server. */
export interface Server {
  readonly _nsps: Map<string, Namespace>;
  readonly engine?: Engine;
  bind(engine: Engine): unknown;
}

/** What the boundary stands on and Socket.IO does not document; a version without it is refused. */
const NEEDED = ["_add", "_createSocket", "_doConnect", "_onServerSideEmit"] as const;
const NEEDED_OF_SOCKETS = ["emit", "ack", "_onpacket", "_onclose", "_cleanup"] as const;

/** The server with its insides. Throws `PW_CONFIG` where they are not those of a Socket.IO 4 that is known. */
export function insides(io: object): Server {
  const server = io as Server;
  const main = server._nsps instanceof Map ? server._nsps.get("/") : undefined;
  if (main === undefined || typeof server.bind !== "function") throw unknownVersion();
  const named = main as unknown as Record<string, unknown>;
  if (NEEDED.some((name) => typeof named[name] !== "function")) throw unknownVersion();
  if (main.sockets.size > 0)
    throw new PartywallError(
      "PW_CONFIG",
      "tenancy() was given a Socket.IO server that has connections already, which belong to no tenant. Call it first.",
    );
  return server;
}

/** Throws `PW_CONFIG` where a socket has other insides than are known. */
export function assertKnownSocket(socket: Socket): void {
  const named = socket as unknown as Record<string, unknown>;
  if (NEEDED_OF_SOCKETS.some((name) => typeof named[name] !== "function")) throw unknownVersion();
}

function unknownVersion(): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    "tenancy() does not know this Socket.IO: its insides are not those of version 4 as tested, and nothing could be confined. Install a version that docs/frameworks/socket-io.md names.",
  );
}
