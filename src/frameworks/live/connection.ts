import { tenantScope } from "../../scope/current.js";
import { outside } from "../../scope/outside.js";
import type { Passage } from "../gate.js";
import { isRefusal } from "../problem.js";
import type { LiveSettings, ScopeHost } from "./options.js";

/** What a connection is opened by. */
export interface Opening {
  readonly host: ScopeHost;
  /** Passes the gate with the handshake of the opening. */
  readonly pass: <T>(inside: () => T) => Promise<Passage<Awaited<T>>>;
  readonly settings: Pick<LiveSettings<never>, "recheckMs" | "keyOf">;
  /** Told of what a hook threw. */
  readonly onError: (error: unknown) => void;
  /** Closes the connection, for a reason that the client is not told. */
  readonly close: () => void;
}

/** One connection that was let in: it belongs to one tenant for life, and is let in anew for each message. */
export class LiveConnection {
  readonly tenantId: string;
  /** The name of who acts, where there is one. */
  readonly actor: string | undefined;
  /** Runs `fn` in the scope in which the connection was opened, without a lookup. */
  readonly inScope: <T>(fn: () => T) => T;
  readonly #opening: Opening;
  #principal: unknown;
  #decidedAt = performance.now();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isOpen = true;

  /** To be constructed in the scope that the gate has opened. */
  constructor(opening: Opening) {
    const scope = tenantScope(opening.host.scope());
    this.#opening = opening;
    this.tenantId = scope.tenant.id;
    this.#principal = scope.principal;
    this.actor = opening.settings.keyOf(scope.principal);
    this.inScope = opening.host.bind(<T>(fn: () => T) => fn());
  }

  /** Whether it has not been ended. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How many messages wait for a decision. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Calls `handler` in the tenant's scope once the connection has been let in anew, after the handlers of the messages
   * before it; never where it is not. What `handler` throws is thrown as if nobody had waited.
   */
  deliver(handler: () => void): Promise<void> {
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      await this.#decide(handler);
      this.#waiting -= 1;
    });
    return this.#last;
  }

  /** Calls `fn` in the scope of the opening, after the handlers of what came before; at once where nothing is heard any more. */
  conclude(fn: () => void): void {
    if (this.#waiting === 0 || !this.#isOpen) return this.inScope(fn);
    // A turn later, for a handler may have put off what it does to the end of its own.
    this.#last = this.#last
      .then(() => new Promise((turn) => void setImmediate(turn)))
      .then(() => this.inScope(calling(fn)));
  }

  /** Decides whether it may stay, and ends it where not. */
  async recheck(): Promise<void> {
    this.#decidedAt = -Infinity;
    await this.#decide(() => undefined);
  }

  /** Closes it; nothing is delivered any more. */
  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    outside(this.#opening.close);
  }

  /** It has closed by itself. */
  ended(): void {
    this.#isOpen = false;
  }

  async #decide(handler: () => void): Promise<void> {
    const { settings, onError } = this.#opening;
    if (!this.#isOpen) return;
    try {
      const admitted = await outside(() =>
        performance.now() - this.#decidedAt < settings.recheckMs
          ? this.#enter(handler)
          : this.#pass(handler),
      );
      if (!admitted) this.end();
    } catch (error) {
      // Whoever cannot be shown to be allowed is not.
      this.end();
      if (!isRefusal(error)) onError(error);
    }
  }

  async #enter(handler: () => void): Promise<boolean> {
    const options = { principal: this.#principal };
    await this.#opening.host.run({ id: this.tenantId }, this.#whileOpen(handler), options);
    return true;
  }

  async #pass(handler: () => void): Promise<boolean> {
    const { host, pass, settings } = this.#opening;
    const asked = performance.now();
    const passage = await pass(() => {
      const scope = tenantScope(host.scope());
      // A slug may lead to another tenant by now, and a session to another user.
      if (scope.tenant.id !== this.tenantId) return false;
      if (settings.keyOf(scope.principal) !== this.actor) return false;
      this.#principal = scope.principal;
      this.#decidedAt = asked;
      this.#whileOpen(handler)();
      return true;
    });
    return "value" in passage && passage.value;
  }

  // It may have been ended while it was decided upon.
  #whileOpen(handler: () => void): () => void {
    return () => {
      if (this.#isOpen) calling(handler)();
    };
  }
}

/** Calls a listener whose error is the application's own, as it would be without a gate. */
export function calling(handler: () => void): () => void {
  return () => {
    try {
      handler();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  };
}
