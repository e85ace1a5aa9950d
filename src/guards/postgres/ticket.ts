import type { GuardHost } from "../../scope/guard.js";
import type { Placement } from "../../scope/tenant.js";
import { PartywallError } from "../../errors.js";
import { outsideScope, withheld } from "../../scope/current.js";
import { isChatter } from "./chatter.js";
import { Connections } from "./connections.js";
import { DEFAULT_SERVER, placeOf, sharedPlace, type Place } from "./place.js";
import type { Commenter } from "./comment.js";
import type { Rollout, Trace } from "./rollout.js";
import { sealUnnamed } from "./seal.js";
import { WiringProofs } from "./wiring-proofs.js";

/** What a statement was allowed when the caller issued it; fixed then, whatever runs when it is sent. */
export interface Ticket {
  /** Who owns a transaction that this statement begins: `tenant:<id>`, `central`, or one of the guard's own. */
  readonly holder: string;
  readonly kind: "tenant" | "central" | "chatter" | "reset" | "unscoped";
  /** Where it may be sent; absent where that does not matter. */
  readonly place?: Place;
  /** What seals a transaction; absent where no tenant is current. */
  readonly seal?: {
    readonly secret: Buffer;
    /** The bytes that send it in the unnamed statement. */
    readonly unnamed: Buffer;
  };
  /** The tenant's schema, where it has one: the same text means other tables in each. */
  readonly schema?: string;
  /** Where the statement was issued; only while a rollout is open. */
  readonly trace?: Trace;
  /** Goes behind the statement's text; only where the guard was asked for it. */
  readonly comment?: string;
}

const CENTRAL: Ticket = { holder: "central", kind: "central", place: sharedPlace() };
const CHATTER: Ticket = { holder: "chatter", kind: "chatter" };
const UNSCOPED: Ticket = { holder: "unscoped", kind: "unscoped", place: sharedPlace() };
/** The ticket of the guard's own DISCARD ALL. */
export const RESET: Ticket = { holder: "reset", kind: "reset" };

const PURPOSE = "seal:postgres";
const MOST_TICKETS = 10_000;

/** The secrets of one tenant, newest first, as `partywall.enter` takes them. */
export function sealSecrets(host: GuardHost, tenantId: string): readonly Buffer[] {
  return host.derive(PURPOSE, tenantId);
}

/** The secret a tenant's statements are sealed with. Throws `PW_CONFIG` when the instance has none. */
export function newestSecret(host: GuardHost, tenantId: string): Buffer {
  const [secret] = sealSecrets(host, tenantId);
  if (secret === undefined) {
    throw new PartywallError("PW_CONFIG", "The instance derived no key. Set { secret }.");
  }
  return secret;
}

/** The ticket of a statement of a tenant's. */
export interface TenantTicket extends Ticket {
  readonly kind: "tenant";
  readonly tenantId: string;
  /** The very placement of the scope it was made for; a record that was read again has another. */
  readonly placement: Placement;
  readonly place: Place;
}

/** Whether a ticket is a tenant's. */
export const isTenantTicket = (ticket: Ticket): ticket is TenantTicket => ticket.kind === "tenant";

/** Gives a ticket to each statement a guarded client is asked to send, or refuses it. */
export class TicketOffice {
  #host: GuardHost | undefined;
  readonly #byTenant = new Map<string, TenantTicket>();
  // By tenant: where it lives now, by the placement it was left from.
  readonly #left = new Map<string, Map<string, Placement>>();
  /** What proves that a client's statements come by here. */
  readonly proofs = new WiringProofs();
  /** The guarded connections open in this process. */
  readonly connections = new Connections();
  /** The guard's rollout, if it has one. */
  readonly rollout: Rollout | undefined;
  readonly #commenter: Commenter | undefined;

  constructor(rollout: Rollout | undefined, comments?: Commenter) {
    this.rollout = rollout;
    this.#commenter = comments;
  }

  /** Binds the office to an instance. Throws `PW_CONFIG` when it already belongs to another. */
  attach(host: GuardHost): void {
    if (this.#host !== undefined && this.#host !== host) {
      throw new PartywallError(
        "PW_CONFIG",
        "This PostgreSQL guard already belongs to a Partywall instance. Call guardPg() once for each createPartywall().",
      );
    }
    this.#host = host;
  }

  /** The instance. Throws `PW_GUARD_DETACHED` before there is one. */
  get host(): GuardHost {
    if (this.#host === undefined) {
      throw new PartywallError(
        "PW_GUARD_DETACHED",
        "The PostgreSQL guard was used before createPartywall({ postgres }) was called with it, so it knows no tenant. Construct the instance first.",
      );
    }
    return this.#host;
  }

  /** Whether the system scope is current, whose statements go to its own login. */
  inSystemScope(): boolean {
    return this.host.scope()?.kind === "system";
  }

  /** The server of the current system scope; undefined in every other scope. */
  systemServer(): string | undefined {
    const scope = this.host.scope();
    return scope?.kind === "system" ? (scope.server ?? DEFAULT_SERVER) : undefined;
  }

  /** The ticket of the current tenant's statements; undefined where none is current. */
  tenantTicket(): TenantTicket | undefined {
    const { host } = this;
    const scope = host.scope();
    return scope?.kind === "tenant" ? this.#ticketOf(host, scope) : undefined;
  }

  /** The ticket of a statement that is sent again, to where its tenant lives now. */
  again(ticket: TenantTicket): TenantTicket {
    const { tenantId: id, placement } = ticket;
    const now = this.#ticketOf(this.host, { tenant: { id }, placement });
    const { trace, comment } = ticket;
    if (trace === undefined && comment === undefined) return now;
    return {
      ...now,
      ...(trace === undefined ? {} : { trace }),
      ...(comment === undefined ? {} : { comment }),
    };
  }

  /** Where the tenant of a ticket was believed to live. */
  placementOf({ tenantId, placement }: TenantTicket): Placement {
    return this.#left.get(tenantId)?.get(JSON.stringify(placement)) ?? placement;
  }

  /** Leads what scopes with the ticket's placement send to another; returns the ticket for it. */
  lead({ tenantId, placement: from }: TenantTicket, to: Placement): TenantTicket {
    const left = this.#left.get(tenantId) ?? new Map<string, Placement>();
    for (const key of left.keys()) left.set(key, to);
    left.set(JSON.stringify(from), to);
    left.delete(JSON.stringify(to));
    if (left.size === 0) this.#left.delete(tenantId);
    else this.#left.set(tenantId, left);
    this.#byTenant.delete(tenantId);
    return this.#ticketOf(this.host, { tenant: { id: tenantId }, placement: to });
  }

  /** What differs between any two scopes that see other rows. Throws where no scope is open. */
  partition(): string {
    const server = this.systemServer();
    const holder = server === undefined ? this.#issue(undefined).holder : `system:${server}`;
    // No realm has a # in its name.
    return `${holder}#${this.host.realm}`;
  }

  /** Drops what is kept of a tenant. */
  forget(tenantId: string): void {
    this.#byTenant.delete(tenantId);
  }

  /** The ticket of a statement issued now. Throws where none may be issued; nothing is sent then. */
  issue(text: unknown): Ticket {
    this.proofs.note(text);
    const ticket = this.#commented(this.#issue(text));
    if (this.rollout === undefined) return ticket;
    this.rollout.announce(this.host);
    return this.rollout.traced(ticket, text);
  }

  #commented(ticket: Ticket): Ticket {
    if (this.#commenter === undefined || ticket.kind === "chatter") return ticket;
    const comment = this.#commenter(this.host.scope());
    return comment === undefined ? ticket : { ...ticket, comment };
  }

  #issue(text: unknown): Ticket {
    const host = this.host;
    const scope = host.scope();
    if (scope?.kind === "tenant") return this.#ticketOf(host, scope);
    if (scope?.kind === "central") return CENTRAL;
    if (scope === undefined) {
      if (typeof text === "string" && (isChatter(text) || this.proofs.holds(text))) return CHATTER;
      // Where a scope is withheld, one may be open: its statement is not one that never had a tenant.
      if (this.rollout?.isOpen === true && withheld() === undefined) return UNSCOPED;
      host.denied({ code: "PW_NO_SCOPE", wire: "postgres" });
      throw outsideScope(
        "A statement was issued outside any scope, so nothing was sent. Wrap the call in pw.run(tenant, fn), or in pw.central(fn) for shared tables.",
      );
    }
    host.denied({ code: "PW_STATEMENT_REFUSED", wire: "postgres" });
    throw new PartywallError(
      "PW_STATEMENT_REFUSED",
      "A connection of the application's login was used in a system scope, so nothing was sent. Take the connection from the guarded pool inside pw.system(); it gives the system login's.",
    );
  }

  #ticketOf(
    host: GuardHost,
    {
      tenant,
      placement,
    }: { readonly tenant: { readonly id: string }; readonly placement: Placement },
  ): TenantTicket {
    const known = this.#byTenant.get(tenant.id);
    if (known?.placement === placement) return known;
    const now = this.#left.get(tenant.id)?.get(JSON.stringify(placement)) ?? placement;
    const ticket: TenantTicket = {
      holder: `tenant:${tenant.id}`,
      kind: "tenant",
      tenantId: tenant.id,
      placement,
      place: placeOf(tenant.id, now),
      ...(now.strategy === "schema" && now.name !== undefined ? { schema: now.name } : {}),
      // In a database of its own there is nobody to be kept apart from.
      ...(now.strategy === "database" ? {} : { seal: sealOf(host, tenant.id) }),
    };
    this.#byTenant.delete(tenant.id);
    if (this.#byTenant.size >= MOST_TICKETS) {
      const oldest = this.#byTenant.keys().next().value;
      if (oldest !== undefined) this.#byTenant.delete(oldest);
    }
    this.#byTenant.set(tenant.id, ticket);
    return ticket;
  }
}

function sealOf(host: GuardHost, tenantId: string): NonNullable<Ticket["seal"]> {
  const secret = newestSecret(host, tenantId);
  return { secret, unnamed: sealUnnamed(secret) };
}
