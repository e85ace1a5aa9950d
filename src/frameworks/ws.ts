import { PartywallError } from "../errors.js";
import { gate } from "./gate.js";
import { outside } from "../scope/outside.js";
import { LiveConnection } from "./live/connection.js";
import { evictionTarget, LiveConnections, tenantIdOf } from "./live/connections.js";
import { LIVE_OPTIONS, liveSettings } from "./live/options.js";
import type { Eviction, LiveHost, LiveOptions } from "./live/options.js";
import { nodeRequest } from "./node-request.js";
import type { NodeRequest } from "./node-request.js";
import { answerUpgrade, whileDeciding } from "./ws/upgrade.js";
import type { UpgradeSocket } from "./ws/upgrade.js";
import { ScopedClients } from "./ws/clients.js";
import { confineSocket } from "./ws/socket.js";
import type { WsSocket } from "./ws/socket.js";

export type { Eviction, LiveHost, LiveOptions } from "./live/options.js";
export type { Authorization, Refusal } from "./options.js";
export type { UpgradeSocket } from "./ws/upgrade.js";
export type { WsSocket } from "./ws/socket.js";

/** The slice of `WebSocketServer` that is used. */
export interface WsServer<Socket extends WsSocket = WsSocket, Req = NodeRequest> {
  readonly options: object;
  readonly clients: Set<Socket>;
  handleUpgrade(
    req: Req,
    socket: never,
    head: never,
    done: (socket: Socket, req: Req) => void,
  ): void;
  emit(event: "connection", socket: Socket, req: Req): boolean;
}

/** Options of {@link tenancy} for ws. */
export interface WsTenancyOptions<Req, Principal, Fields> extends LiveOptions<
  Req,
  Principal,
  Fields
> {
  /**
   * How many bytes may wait for a client that reads too slowly, when `broadcast` has one more for it; it is disconnected
   * then. Default 16 MiB.
   */
  readonly maxBufferedBytes?: number;
}

/** What {@link tenancy} gives for a server of ws. */
export interface LiveWs {
  /** Listener of an HTTP server's `upgrade`: admits the request and hands it to the `WebSocketServer`, or refuses it. */
  readonly handleUpgrade: (req: NodeRequest, socket: UpgradeSocket, head: Uint8Array) => void;
  /**
   * Sends to every open connection of the current tenant in this process, in a system scope to every one; returns to how
   * many. Throws `PW_NO_SCOPE` or `PW_CENTRAL_SCOPE` elsewhere.
   */
  broadcast(data: string | Uint8Array, options?: { readonly binary?: boolean }): number;
  /**
   * Closes the connections of a tenant, a principal, or a principal in a tenant in this process; returns how many. In a
   * tenant's scope only its own, or `PW_SCOPE_SWITCH`.
   */
  evict(whose: Eviction): number;
}

/**
 * Puts a `WebSocketServer` of ws 8 behind the tenant boundary: an upgrade is decided upon as a request is, its connection
 * belongs to one tenant for life, and each message is decided upon again before its listeners run in the tenant's scope.
 *
 * The server must have been made with `noServer: true`. Throws `PW_CONFIG` when it was not, when it has connections already,
 * and as every framework's `tenancy` does.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { createPartywall } from "partywall";
 * import { tenancy } from "partywall/frameworks/ws";
 * import { subdomain } from "partywall/resolvers";
 * import { WebSocketServer } from "ws";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * const wss = new WebSocketServer({ noServer: true });
 * const live = tenancy(pw, wss, {
 *   resolve: subdomain("example.com"),
 *   authorize: ({ req }) => req.headers.cookie !== undefined,
 * });
 * wss.on("connection", (socket) => {
 *   socket.on("message", (data) => void live.broadcast(`${pw.current().name}: ${data.toString()}`));
 * });
 * export const server = createServer().on("upgrade", live.handleUpgrade);
 * ```
 */
export function tenancy<
  Socket extends WsSocket,
  Req extends NodeRequest,
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
>(
  host: LiveHost<Fields>,
  wss: WsServer<Socket, Req>,
  options: WsTenancyOptions<Req, Principal, Fields>,
): LiveWs {
  const { maxBufferedBytes = 16 * 1024 * 1024, ...common } = options;
  const settings = liveSettings(common);
  const entrance = gate(host, common, LIVE_OPTIONS);
  assertFresh(wss, maxBufferedBytes);
  const connections = new LiveConnections(host, settings);
  const socketOf = new WeakMap<object, Socket>();
  const ownerOf = new WeakMap<object, string>();
  if ((wss.clients as unknown) !== undefined)
    (wss as { clients: Set<Socket> }).clients = new ScopedClients(host, (socket) =>
      ownerOf.get(socket),
    );

  const admit = (req: Req, socket: UpgradeSocket, head: Uint8Array) => {
    wss.handleUpgrade(req, socket as never, head as never, (ws) => {
      const connection = new LiveConnection({
        host,
        settings,
        pass: (inside) => entrance.pass(nodeRequest(req), req, inside),
        onError: (error) => settings.onError(error, req),
        // 1008: policy violation (RFC 6455 §7.4.1).
        close: () => ws.close(1008),
      });
      ownerOf.set(ws, connection.tenantId);
      socketOf.set(connection, ws);
      confineSocket(ws, connection, host);
      ws.once("close", () => {
        connection.ended();
        connections.delete(connection);
      });
      connections.add(connection);
      wss.emit("connection", ws, req);
    });
  };

  return {
    handleUpgrade: (given, socket, head) => {
      const req = given as Req;
      const waiting = whileDeciding(socket);
      outside(() =>
        entrance.pass(nodeRequest(req), req, () => {
          if (!waiting.isOver()) admit(req, socket, head);
        }),
      ).then(
        (passage) => {
          if ("problem" in passage) answerUpgrade(socket, passage.problem);
        },
        (error: unknown) => {
          answerUpgrade(socket, undefined);
          settings.onError(error, req);
        },
      );
    },
    broadcast: (data, { binary } = {}) => {
      const tenantId = tenantIdOf(host.scope());
      let sent = 0;
      for (const connection of connections.of(tenantId === undefined ? {} : { tenantId })) {
        const ws = socketOf.get(connection);
        if (ws === undefined || !connection.isOpen || ws.readyState !== OPEN) continue;
        if (ws.bufferedAmount > maxBufferedBytes) {
          ws.terminate();
          continue;
        }
        ws.send(data, binary === undefined ? {} : { binary });
        sent += 1;
      }
      return sent;
    },
    evict: (whose) => {
      const evicted = connections.of(evictionTarget(whose, host.scope(), settings.keyOf));
      for (const connection of evicted) connection.end();
      return evicted.length;
    },
  };
}

const OPEN = 1;

function assertFresh(
  wss: { readonly options: object; readonly clients: object },
  maxBufferedBytes: number,
): void {
  if ((wss.options as { noServer?: unknown }).noServer !== true)
    throw new PartywallError(
      "PW_CONFIG",
      "tenancy() was given a WebSocketServer that accepts connections by itself. Make it with { noServer: true }, and hand upgrades to handleUpgrade.",
    );
  if ((wss.clients as Set<unknown> | undefined)?.size)
    throw new PartywallError(
      "PW_CONFIG",
      "tenancy() was given a WebSocketServer that has connections already, which belong to no tenant. Call it first.",
    );
  if (!(maxBufferedBytes >= 0))
    throw new PartywallError("PW_CONFIG", "tenancy() got a maxBufferedBytes that is no number.");
}
