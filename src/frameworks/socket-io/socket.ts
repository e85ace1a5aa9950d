import type { LiveConnection } from "../live/connection.js";
import { assertMaySend } from "../live/connections.js";
import type { ScopeHost } from "../live/options.js";
import { assertKnownSocket, HEARD } from "./internals.js";
import type { Socket } from "./internals.js";

/** A client with more than that to be heard is cut off: nothing stops it from sending on. */
const MOST_WAITING = 1000;

/**
 * Lets a socket be heard only once its connection has been let in anew, in its tenant's scope, and only that tenant's scope
 * send to it.
 */
export function confineSocket(socket: Socket, connection: LiveConnection, host: ScopeHost): void {
  assertKnownSocket(socket);
  const emit = socket.emit.bind(socket);
  const ack = socket.ack.bind(socket);
  const onpacket = socket._onpacket.bind(socket);
  const onclose = socket._onclose.bind(socket);

  socket._onpacket = (packet) => {
    if (!HEARD.includes(packet.type)) return connection.conclude(() => onpacket(packet));
    if (connection.waiting >= MOST_WAITING) return connection.end();
    void connection.deliver(() => onpacket(packet));
  };

  socket._onclose = (...args) => {
    connection.conclude(() => void onclose(...args));
    return socket;
  };

  socket.emit = (event, ...args) => {
    assertMaySend(host.scope(), connection.tenantId);
    const last = args.length - 1;
    const done = args[last];
    // The answer comes wherever the connection is read.
    if (typeof done === "function") args[last] = host.bind(done as (...given: unknown[]) => void);
    return connection.inScope(() => emit(event, ...args));
  };

  socket.ack = (id) => {
    const answer = ack(id);
    return (...args) => {
      assertMaySend(host.scope(), connection.tenantId);
      answer(...args);
    };
  };
}
