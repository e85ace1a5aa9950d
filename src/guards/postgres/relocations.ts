import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { anchor } from "../../scope/anchor.js";
import type { PartywallError } from "../../errors.js";
import type { Placement } from "../../scope/tenant.js";
import { HELD } from "./ddl/seal-sql.js";
import type { PlacePool } from "./pool.js";
import { isDisplaced, SHUT_DOWN, sqlStateOf } from "./refusals.js";
import { isTenantTicket, type TenantTicket, type Ticket, type TicketOffice } from "./ticket.js";
import { traitsOf } from "./traits.js";

/** How long to wait between two looks at a tenant that is held, in milliseconds: at first, and at most. */
const FIRST_WAIT = 5;
const LONGEST_WAIT = 50;

/** A statement that was refused, and when it was first, in milliseconds since 1970. */
interface Refused<Of extends Ticket> {
  readonly ticket: Of;
  /** What `query` was given. */
  readonly text: unknown;
  readonly since: number;
}

/** Sends a statement again, with this ticket and on this pool; tells its error where there is none. */
type Resend = (ticket?: Ticket, pool?: PlacePool) => void;

/**
 * Finds tenants that are not where a statement was sent: waits while one is held for its move, and leads what older
 * scopes send to where it lives now. Whoever asks for the same tenant waits together.
 */
export class Relocations {
  readonly #office: TicketOffice;
  readonly #poolOf: (ticket: TenantTicket) => PlacePool | Promise<PlacePool>;
  readonly #waitMs: number;
  readonly #settling = new Map<string, Promise<boolean>>();

  constructor(parts: {
    readonly office: TicketOffice;
    readonly poolOf: (ticket: TenantTicket) => PlacePool | Promise<PlacePool>;
    /** How long a tenant may be held before its callers are told, in milliseconds. */
    readonly waitMs: number;
  }) {
    this.#office = parts.office;
    this.#poolOf = parts.poolOf;
    this.#waitMs = parts.waitMs;
  }

  /** What a tenant's callers wait for at the moment, if for anything. */
  pending(tenantId: string): Promise<boolean> | undefined {
    return this.#settling.get(tenantId);
  }

  /**
   * Whether an error says that the tenant was not there and that nothing of the statement was kept. `resend` is called
   * then, once, when the tenant was found or was not.
   */
  displaced(error: Error, refused: Refused<Ticket>, resend: Resend): boolean {
    const { ticket } = refused;
    if (!isTenantTicket(ticket) || !isDisplaced(error)) return false;
    void this.#resend(error, { ...refused, ticket }, resend);
    return true;
  }

  async #resend(
    error: PartywallError,
    refused: Refused<TenantTicket>,
    resend: Resend,
  ): Promise<void> {
    let found: Parameters<Resend> = [];
    try {
      found = await this.#found(error, refused);
    } catch {
      // The statement's own error says what happened; what the registry adds is that the tenant may not be entered.
    }
    resend(...found);
  }

  async #found(
    error: PartywallError,
    { ticket, text, since }: Refused<TenantTicket>,
  ): Promise<Parameters<Resend>> {
    if (Date.now() - since > this.#waitMs || !(await this.#settle(ticket))) return [];
    const next = this.#office.again(ticket);
    // Of several statements some may have been committed before the backend was ended.
    if (sqlStateOf(error) === SHUT_DOWN && !isLone(text)) return [];
    return [next, await this.#poolOf(next)];
  }

  // Whether the tenant could be found and entered, there or elsewhere; tickets issued then lead there.
  #settle(ticket: TenantTicket): Promise<boolean> {
    const { tenantId } = ticket;
    const known = this.#settling.get(tenantId);
    if (known !== undefined) return known;
    // In nobody's scope: one answer is for all who wait.
    const settling = anchor.als
      .run(undefined, () => this.#find(ticket))
      .finally(() => this.#settling.delete(tenantId));
    this.#settling.set(tenantId, settling);
    return settling;
  }

  async #find(refused: TenantTicket): Promise<boolean> {
    const { tenantId } = refused;
    const deadline = Date.now() + this.#waitMs;
    this.#office.host.relocated(tenantId);
    let tried: Placement | undefined;
    for (let wait = FIRST_WAIT; ; wait = Math.min(wait * 2, LONGEST_WAIT)) {
      // Rejects where the tenant is not active any more, and so says the registry.
      const placement = await this.#office.host.placement(tenantId);
      const ticket = this.#office.lead(refused, placement);
      try {
        await this.#enter(ticket);
        return true;
      } catch (error) {
        // What is neither held nor elsewhere is told to the caller by the statement itself.
        if (!(error instanceof Error) || !isDisplaced(error)) return true;
        // Refused for good only where the registry says so twice: it may have moved between the look and the try.
        const isHeld = HELD_BY.has(sqlStateOf(error) ?? "");
        if (!isHeld && isDeepStrictEqual(placement, tried)) return false;
        if (Date.now() >= deadline) return false;
        tried = isHeld ? undefined : placement;
      }
      await sleep(wait);
    }
  }

  async #enter(ticket: TenantTicket): Promise<void> {
    const pool = await this.#poolOf(ticket);
    await new Promise<void>((resolve, reject) => {
      pool.send(ticket, "select 1", undefined, (error) => (error ? reject(error) : resolve()));
    });
  }
}

// Entering is held, or connecting is. A seal that is unknown or a database that is not there is not worth waiting for:
// the registry has just said that the tenant lives there.
const HELD_BY: ReadonlySet<string> = new Set([HELD, SHUT_DOWN, "42501", "55000", "57P03"]);

// Whether a text is one statement that reads or writes rows, and so was undone with its backend.
function isLone(query: unknown): boolean {
  const text = typeof query === "string" ? query : (query as { text?: unknown } | null)?.text;
  return typeof text === "string" && traitsOf(text).isPreparable;
}
