import { EventEmitter } from "node:events";
import { outsideScope } from "../scope/current.js";
import type { Scope } from "../scope/scope.js";

/** The part of a Partywall instance that events need; what `createPartywall` returns fits. */
export interface EventHost {
  scope(): Scope | undefined;
}

type Name = string | symbol;
// oxlint-disable-next-line typescript/no-explicit-any -- as Node.js types it
type Listener = (...args: any[]) => unknown;

/** What is registered in place of a listener. Node.js finds a listener by this property as well. */
interface Registered extends Listener {
  listener: Listener;
  /** The scope that registered it; undefined for one that hears everybody. */
  owner: string | undefined;
}

/** Events that an emitter tells of itself, also where no scope is open. */
const OF_ITSELF = new Set<Name>(["newListener", "removeListener"]);

/**
 * An `EventEmitter` whose events stay with their tenant. Every listener runs in the scope that emits; one that was registered in
 * a tenant's scope, or in a central one, hears the events of that scope alone, and one that was registered outside every scope
 * or in a system scope hears all. `emit` throws `PW_NO_SCOPE` outside every scope and calls nobody.
 *
 * In a tenant's scope the listeners of others are neither seen nor removed. An `error` event that no listener hears is thrown, as
 * Node.js does. Otherwise it is Node's own: `events.on`, `events.once` and `captureRejections` work.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { TenantEventEmitter } from "partywall/runtime/events";
 *
 * const pw = createPartywall();
 * await pw.tenants.create({ slug: "acme", name: "Acme" });
 * const events = new TenantEventEmitter(pw);
 * events.on("paid", (invoice: number) => console.log(pw.current().slug, invoice));
 * await pw.run({ slug: "acme" }, () => events.emit("paid", 7));
 * ```
 */
export class TenantEventEmitter extends EventEmitter {
  readonly #pw: EventHost;

  constructor(pw: EventHost, options?: { readonly captureRejections?: boolean }) {
    super(options);
    this.#pw = pw;
  }

  override emit(name: Name, ...args: unknown[]): boolean {
    const scope = this.#pw.scope();
    if (scope === undefined && !OF_ITSELF.has(name))
      throw outsideScope(
        "An event was emitted outside every scope, so no listener was called. Emit it inside pw.run(), pw.central() or pw.system().",
      );
    const hears = super.rawListeners(name).some((one) => this.#hears(one as Registered));
    if (!hears && name === "error") throw uncaught(args[0]);
    super.emit(name, ...args);
    return hears;
  }

  override on(name: Name, listener: Listener): this {
    return super.on(name, this.#registered(listener));
  }

  override addListener(name: Name, listener: Listener): this {
    return super.on(name, this.#registered(listener));
  }

  override prependListener(name: Name, listener: Listener): this {
    return super.prependListener(name, this.#registered(listener));
  }

  override once(name: Name, listener: Listener): this {
    return super.on(name, this.#registered(listener, name));
  }

  override prependOnceListener(name: Name, listener: Listener): this {
    return super.prependListener(name, this.#registered(listener, name));
  }

  override off(name: Name, listener: Listener): this {
    return this.removeListener(name, listener);
  }

  override removeListener(name: Name, listener: Listener): this {
    const own = this.#own(name).findLast((one) => one === listener || one.listener === listener);
    return own === undefined ? this : super.removeListener(name, own);
  }

  override removeAllListeners(name?: Name): this {
    for (const each of name === undefined ? super.eventNames() : [name])
      for (const one of this.#own(each).toReversed()) super.removeListener(each, one);
    return this;
  }

  override listeners(name: Name): Listener[] {
    return this.#own(name).map(({ listener }) => listener);
  }

  override rawListeners(name: Name): Listener[] {
    return this.#own(name);
  }

  override listenerCount(name: Name, listener?: Listener): number {
    const own = this.#own(name);
    return listener === undefined
      ? own.length
      : own.filter((one) => one === listener || one.listener === listener).length;
  }

  override eventNames(): (string | symbol)[] {
    return super.eventNames().filter((name) => this.#own(name).length > 0);
  }

  #registered(listener: Listener, onceOf?: Name): Registered {
    if (typeof listener !== "function")
      throw new TypeError("The listener of an event must be a function.");
    const call = (...args: unknown[]): unknown => {
      if (!this.#hears(registered)) return undefined;
      if (onceOf !== undefined) super.removeListener(onceOf, registered);
      return Reflect.apply(listener, this, args);
    };
    const registered: Registered = Object.assign(call, {
      listener,
      owner: ownerOf(this.#pw.scope()),
    });
    return registered;
  }

  #hears({ owner }: Registered): boolean {
    return owner === undefined || owner === ownerOf(this.#pw.scope());
  }

  /** Those that this scope may see and remove: outside every scope and in a system scope all, elsewhere its own. */
  #own(name: Name): Registered[] {
    const owner = ownerOf(this.#pw.scope());
    const all = super.rawListeners(name) as Registered[];
    return owner === undefined ? all : all.filter((one) => one.owner === owner);
  }
}

function ownerOf(scope: Scope | undefined): string | undefined {
  if (scope === undefined || scope.kind === "system") return undefined;
  return scope.kind === "central" ? "central" : `tenant ${scope.tenant.id}`;
}

function uncaught(error: unknown): Error {
  if (error instanceof Error) return error;
  return new Error("An error event had no listener that hears it.", { cause: error });
}
