import { PartywallError } from "../errors.js";
import { gate } from "./gate.js";
import { evictionTarget, LiveConnections } from "./live/connections.js";
import type { Target } from "./live/connections.js";
import { LIVE_OPTIONS, liveSettings } from "./live/options.js";
import type { Eviction, LiveHost, LiveOptions } from "./live/options.js";
import { insides } from "./socket-io/internals.js";
import type { Adapter, Client, Namespace } from "./socket-io/internals.js";
import { wireNamespace } from "./socket-io/namespace.js";
import type { SocketIoRequest } from "./socket-io/request.js";
import { keepTheDoor } from "./socket-io/same-door.js";

export type { Eviction, LiveHost, LiveOptions } from "./live/options.js";
export type { Authorization, Refusal } from "./options.js";
export { handshakeAuth } from "./socket-io/request.js";
export type { HandshakeAuthOptions, SocketIoRequest } from "./socket-io/request.js";

/** The slice of Socket.IO's `Server` that is named; the rest is looked for when it is wired. */
export interface SocketIoServer {
  readonly sockets: object;
  of(name: string): unknown;
}

/** What {@link tenancy} gives for a server of Socket.IO. */
export interface LiveSocketIo {
  /**
   * Closes the connections of a tenant, a principal, or a principal in a tenant, on every server of the cluster; resolves when
   * the others have been told. In a tenant's scope only its own, or `PW_SCOPE_SWITCH`.
   */
  evict(whose: Eviction): Promise<void>;
}

/** Emitted between servers to evict. */
const EVICT = "partywall:evict";
const wired = new WeakSet<object>();

/**
 * Puts a server of Socket.IO 4 behind the tenant boundary: a socket is decided upon as a request is and belongs to one tenant
 * for life, each event is decided upon again before it is heard in the tenant's scope, and rooms, broadcasts and everything
 * else that goes through an adapter are kept to the current tenant, on every server of a cluster.
 *
 * Call it before the first connection. Throws `PW_CONFIG` when there are some, when the version is not known, and as every
 * framework's `tenancy` does.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { handshakeAuth, tenancy } from "partywall/frameworks/socket-io";
 * import { Server } from "socket.io";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 * export const io = new Server();
 * const live = tenancy(pw, io, {
 *   resolve: handshakeAuth("tenant"),
 *   principal: (req) => req.auth["token"],
 *   authorize: ({ tenant, principal }) => principal === `token of ${tenant.slug}`,
 * });
 * io.on("connection", (socket) => {
 *   socket.on("say", (text) => io.emit("said", pw.current().name, text));
 * });
 * export const lockOut = (tenant: string) => live.evict({ tenant });
 * ```
 */
export function tenancy<Principal = unknown, Fields = Readonly<Record<string, unknown>>>(
  host: LiveHost<Fields>,
  io: SocketIoServer,
  options: LiveOptions<SocketIoRequest, Principal, Fields>,
): LiveSocketIo {
  const settings = liveSettings(options);
  const entrance = gate(host, options, LIVE_OPTIONS);
  if (wired.has(io))
    throw new PartywallError("PW_CONFIG", "tenancy() was called twice for one Socket.IO server.");
  const server = insides(io);
  wired.add(io);
  const connections = new LiveConnections(host, settings);
  const tenantOf = new WeakMap<Client, string>();
  const wire = (nsp: Namespace) =>
    wireNamespace(nsp, { host, entrance, settings, connections, tenantOf });
  const evictHere = (target: Target) => {
    for (const connection of connections.of(target)) connection.end();
  };

  // Every namespace comes by here, those that are made for a client too; a listener could be removed.
  const set = server._nsps.set.bind(server._nsps);
  server._nsps.set = (name, nsp) => {
    if (server._nsps.get(name) !== nsp) wire(nsp);
    return set(name, nsp);
  };
  let adapterOfAll: (() => Adapter) | undefined;
  for (const [name, nsp] of server._nsps) {
    const adapter = wire(nsp);
    if (name !== "/") continue;
    adapterOfAll = adapter;
    const heard = nsp._onServerSideEmit.bind(nsp);
    nsp._onServerSideEmit = (args) => {
      if (args[0] === EVICT) evictHere(args[1] as Target);
      else heard(args);
    };
  }
  keepTheDoor(server, options.resolve);

  return {
    evict: async (whose) => {
      const target = evictionTarget(whose, host.scope(), settings.keyOf);
      evictHere(target);
      const adapter = adapterOfAll?.();
      // An adapter of one process warns of what it cannot do.
      if (adapter !== undefined && (await adapter.serverCount()) > 1)
        adapter.serverSideEmit([EVICT, target]);
    },
  };
}
