import { anchor } from "../../scope/anchor.js";
import { withheld } from "../../scope/current.js";
import type { GuardHost } from "../../scope/guard.js";
import { outside } from "../../scope/outside.js";
import { refusal } from "../../scope/rules.js";
import type { Scope } from "../../scope/scope.js";
import type { Placement, Tenant } from "../../scope/tenant.js";
import { PartywallError } from "../../errors.js";
import type { MongoSession } from "./driver.js";
import { noScope, onlyInSystem, passable, scopeSwitch, systemEnded } from "./refusals.js";
import { DEFAULT_SERVER } from "./servers.js";
import { CENTRAL, isOwn, PROOF, systemTicket, tenantTicket, type Ticket } from "./ticket.js";
import { WiringProofs } from "./wiring-proofs.js";

/** Runs a function as it would have run at a moment before, as `AsyncLocalStorage.snapshot()` gives it. */
export type Moment = <T>(fn: () => T) => T;

/**
 * Gives each operation the ticket of the scope that issued it, or refuses it. The driver hands a session through every
 * layer down to the connection, so that is what a ticket is bound to.
 */
export class TicketOffice {
  #host: GuardHost | undefined;
  readonly #valueOf: (tenant: Tenant) => unknown;
  // By the tenant's record, which the scopes of many requests have in common.
  readonly #byTenant = new WeakMap<Tenant, { placement: Placement; ticket: Ticket }>();
  readonly #byCursor = new WeakMap<object, Ticket>();
  readonly #bySession = new WeakMap<MongoSession, Ticket>();
  /** What proves that a client's commands come by the guard. */
  readonly proofs = new WiringProofs();

  constructor(valueOf: (tenant: Tenant) => unknown) {
    this.#valueOf = valueOf;
  }

  /** Binds the office to an instance. Throws `PW_CONFIG` when it already belongs to another. */
  attach(host: GuardHost): void {
    if (this.#host !== undefined && this.#host !== host) {
      throw new PartywallError(
        "PW_CONFIG",
        "A guard belongs to one Partywall instance. Construct another guardMongo() for the second one.",
      );
    }
    this.#host = host;
  }

  /** The instance. Throws `PW_GUARD_DETACHED` before there is one. */
  get host(): GuardHost {
    if (this.#host !== undefined) return this.#host;
    throw new PartywallError(
      "PW_GUARD_DETACHED",
      "The MongoDB guard was used before createPartywall({ mongodb }) was called with it, so it knows no tenant. Construct the instance first.",
    );
  }

  /** The ticket of the current scope; undefined outside any. */
  current(): Ticket | undefined {
    // What is built while modules are imported is built in no scope; what is sent needs the instance.
    const scope = this.#host?.scope();
    return scope === undefined ? undefined : this.#ticketOf(scope);
  }

  #ticketOf(scope: Scope): Ticket {
    if (scope.kind === "central") return CENTRAL;
    if (scope.kind === "system") return systemTicket(scope.server ?? DEFAULT_SERVER);
    return this.#ofTenant(scope.tenant, scope.placement);
  }

  #ofTenant(tenant: Tenant, placement: Placement): Ticket {
    const known = this.#byTenant.get(tenant);
    if (known?.placement === placement) return known.ticket;
    const ticket = tenantTicket(tenant, placement, this.#valueOf);
    this.#byTenant.set(tenant, { placement, ticket });
    return ticket;
  }

  /** Notes in which scope a cursor was built. */
  built(cursor: object): void {
    const ticket = this.#byCursor.has(cursor) ? undefined : this.current();
    if (ticket !== undefined) this.#byCursor.set(cursor, ticket);
  }

  /** Binds a session that was begun now: to the scope its cursor was built in, else to the current one, else to the first that uses it. */
  begun(session: MongoSession, owner: unknown): void {
    const built =
      typeof owner === "object" && owner !== null ? this.#byCursor.get(owner) : undefined;
    const ticket = built ?? this.current();
    if (ticket !== undefined) this.#bySession.set(session, ticket);
  }

  /** Binds a session to one of the guard's own tickets. */
  bind(session: MongoSession, ticket: Ticket): void {
    this.#bySession.set(session, ticket);
  }

  /** The ticket of what a session sends; undefined where no operation on it was admitted. */
  ticketOf(session: MongoSession): Ticket | undefined {
    return this.#bySession.get(session);
  }

  /** The ticket of an operation issued now on a session. Throws where none may be; nothing is sent then. */
  admit(session: MongoSession, operation: string | undefined): Ticket {
    const held = this.#bySession.get(session);
    if (held !== undefined && isOwn(held)) return held;
    const current = this.current();
    const ticket = held ?? current;
    if (ticket === undefined) {
      // Only what is being proved is sent with it, and nothing else ever in its session.
      if (!this.proofs.pending || session.explicit) throw this.refuse(noScope());
      this.#bySession.set(session, PROOF);
      return PROOF;
    }
    if (held === undefined) this.#bySession.set(session, ticket);
    // Closing a cursor ends what its own scope began, wherever it is closed.
    if (operation !== "killCursors") this.#assertMayUse(ticket, current, session.explicit);
    return ticket;
  }

  #assertMayUse(held: Ticket, current: Ticket | undefined, inSession: boolean): void {
    if (current === undefined) {
      if (held.kind === "system") throw this.refuse(systemEnded());
      if (withheld() !== undefined) throw this.refuse(noScope());
    } else if (current.holder !== held.holder) {
      throw this.refuse(scopeSwitch(inSession), current.tenantId);
    }
  }

  /**
   * Runs what was built at a moment before. In the scope of that moment where none is current now; throws `PW_SCOPE_SWITCH`
   * where another is. What was built in no scope runs in the current one.
   */
  runAsBuilt<T>(moment: Moment, fn: () => T): T {
    const scope = moment(() => this.#host?.scope());
    if (scope === undefined) return fn();
    const current = this.current();
    this.#assertMayUse(this.#ticketOf(scope), current, false);
    return current === undefined ? anchor.als.run(scope, fn) : fn();
  }

  /** Throws where the scope of a tenant could not be opened. */
  assertMayRun(tenantId: string): void {
    const scope = this.host.scope();
    const error = refusal(scope, "tenant", tenantId);
    if (error !== undefined) throw this.refuse(error, tenantIdOf(scope));
  }

  /** Throws unless a system scope is current. */
  assertInSystem(): void {
    const scope = this.host.scope();
    if (scope?.kind === "system") return;
    throw this.refuse(onlyInSystem(scope?.kind), tenantIdOf(scope));
  }

  /** Lets a session's transaction be aborted wherever its scope was left: it only ends what that scope began. */
  abortAnywhere(session: MongoSession): void {
    const abort = session.abortTransaction.bind(session);
    session.abortTransaction = (options) => {
      const ticket = this.#bySession.get(session);
      if (ticket?.kind !== "system") return outside(() => abort(options));
      return abort(options);
    };
  }

  /** What differs between any two scopes that see other documents. Throws `PW_NO_SCOPE` where no scope is open. */
  partition(): string {
    const ticket = this.current();
    if (ticket === undefined) throw noScope();
    // No realm has a # in its name.
    return `${ticket.holder}#${this.host.realm}`;
  }

  /** Reports a refusal, and gives it as it may pass through the driver. */
  refuse(error: PartywallError, tenantId?: string): PartywallError {
    const { code } = error;
    this.host.denied({ code, wire: "mongodb", ...(tenantId === undefined ? {} : { tenantId }) });
    return passable(error);
  }
}

const tenantIdOf = (scope: Scope | undefined): string | undefined =>
  scope?.kind === "tenant" ? scope.tenant.id : undefined;
