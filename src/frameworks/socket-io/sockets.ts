import type { ScopeHost } from "../live/options.js";
import type { Socket } from "./internals.js";

/** `nsp.sockets`, of which a tenant's scope sees its own; outside every scope all are seen, for what a server does by itself. */
export class ScopedSockets extends Map<string, Socket> {
  readonly #host: Pick<ScopeHost, "scope">;
  readonly #owners: ReadonlyMap<string, string>;

  constructor(host: Pick<ScopeHost, "scope">, owners: ReadonlyMap<string, string>) {
    super();
    this.#host = host;
    this.#owners = owners;
  }

  #isShown(id: string): boolean {
    const scope = this.#host.scope();
    return scope?.kind !== "tenant" || this.#owners.get(id) === scope.tenant.id;
  }

  override get(id: string): Socket | undefined {
    return this.#isShown(id) ? super.get(id) : undefined;
  }

  override has(id: string): boolean {
    return this.#isShown(id) && super.has(id);
  }

  override *entries(): MapIterator<[string, Socket]> {
    for (const entry of super.entries()) if (this.#isShown(entry[0])) yield entry;
    return undefined;
  }

  override *keys(): MapIterator<string> {
    for (const [id] of this.entries()) yield id;
    return undefined;
  }

  override *values(): MapIterator<Socket> {
    for (const [, socket] of this.entries()) yield socket;
    return undefined;
  }

  override [Symbol.iterator](): MapIterator<[string, Socket]> {
    return this.entries();
  }

  override forEach(
    callback: (socket: Socket, id: string, map: Map<string, Socket>) => void,
    thisArg?: unknown,
  ): void {
    for (const [id, socket] of this.entries()) callback.call(thisArg, socket, id, this);
  }
}
