import type { ScopeHost } from "../live/options.js";

/**
 * `wss.clients`, of which a tenant's scope sees its own. Outside every scope all are seen, for what a server does by itself:
 * heartbeats and closing.
 */
export class ScopedClients<Socket extends object> extends Set<Socket> {
  readonly #host: Pick<ScopeHost, "scope">;
  readonly #ownerOf: (socket: Socket) => string | undefined;

  constructor(host: Pick<ScopeHost, "scope">, ownerOf: (socket: Socket) => string | undefined) {
    super();
    this.#host = host;
    this.#ownerOf = ownerOf;
  }

  override *values(): SetIterator<Socket> {
    const scope = this.#host.scope();
    const owner = scope?.kind === "tenant" ? scope.tenant.id : undefined;
    for (const socket of super.values())
      if (owner === undefined || this.#ownerOf(socket) === owner) yield socket;
    return undefined;
  }

  override keys(): SetIterator<Socket> {
    return this.values();
  }

  override [Symbol.iterator](): SetIterator<Socket> {
    return this.values();
  }

  override *entries(): SetIterator<[Socket, Socket]> {
    for (const socket of this.values()) yield [socket, socket];
    return undefined;
  }

  override forEach(
    callback: (socket: Socket, same: Socket, set: Set<Socket>) => void,
    thisArg?: unknown,
  ): void {
    for (const socket of this.values()) callback.call(thisArg, socket, socket, this);
  }
}
