import { PartywallError } from "../../errors.js";
import type { GuardHost } from "../../scope/guard.js";
import { captureCallSite, describeCallSite, type CallSite } from "./call-site.js";
import { OBSERVED } from "./ddl/observe-sql.js";
import { endOfRollout, type RolloutMode } from "./ddl/rollout.js";
import type { PgMessage, PgSubmittable } from "./driver.js";
import { Observations, type ObservationSink } from "./observation.js";
import type { Ticket } from "./ticket.js";

/** How a guard behaves while tables are in rollout; see `docs/guides/rollout.md`. */
export interface GuardRollout {
  /**
   * Until when statements outside any scope are sent and reported instead of refused: as the wall's `until`, and the
   * same. From then on `PW_NO_SCOPE` again.
   */
  readonly until: Date | string;
  /** Receives what would have been kept. Each is told at the 1st, 10th, 100th time and so on, and on `pw.close()`. */
  readonly report: ObservationSink;
}

/** What a statement in rollout carries: where it was issued, and what was noted of it already. */
export interface Trace {
  readonly site: CallSite;
  /** `undefined` until it is asked for. */
  place: { readonly callSite: string | undefined } | undefined;
  readonly noted: Set<string>;
}

const LONGEST_NAME = 63;
const DETAIL = /^(observe|stamp) (read|write)$/;

/** The rollout of one guard: which statements it lets pass outside a scope, and what it reports. */
export class Rollout {
  /** When it ends, in milliseconds since 1970. */
  readonly until: number;
  readonly #observations: Observations;
  #isAnnounced = false;

  /** Throws `PW_CONFIG` for an end that is none or too far, or without a report. */
  constructor({ until, report }: GuardRollout) {
    this.until = endOfRollout(until, "guardPg()");
    if (typeof report !== "function") {
      throw new PartywallError(
        "PW_CONFIG",
        "guardPg() got a `rollout` without `report`, so nobody would hear of what it lets pass. Give it a function.",
      );
    }
    this.#observations = new Observations(report);
  }

  /** Whether it has not ended yet. */
  get isOpen(): boolean {
    return Date.now() < this.until;
  }

  /** Has the audit record, once, that the guard is in a rollout that is open. */
  announce(host: GuardHost): void {
    if (this.#isAnnounced || !this.isOpen) return;
    this.#isAnnounced = true;
    host.rolloutOpen({ wire: "postgres", until: new Date(this.until).toISOString() });
  }

  /** The ticket of one statement, with where it was issued; notes it where that was outside any scope. */
  traced(ticket: Ticket, text: unknown): Ticket {
    if (!this.isOpen || ticket.kind === "chatter") return ticket;
    const trace: Trace = { site: captureCallSite(), place: undefined, noted: new Set() };
    const traced = { ...ticket, trace };
    if (ticket.kind === "unscoped") this.#note({ kind: "unscoped" }, traced, text);
    return traced;
  }

  /** Notes what the database tells of the statement that is under way. False for any other notice. */
  hears(notice: PgMessage, query: PgSubmittable | null | undefined): boolean {
    if (notice.code !== OBSERVED) return false;
    const [, mode, kind] = DETAIL.exec(notice.detail ?? "") ?? [];
    const names = [notice.schema, notice.table];
    // Where tenant SQL may use a procedural language it can send such a notice, of any length.
    if (kind === undefined || !names.every((name) => name && name.length <= LONGEST_NAME))
      return false;
    const table = names.join(".");
    const what = { kind: kind as "read" | "write", table, mode: mode as RolloutMode };
    this.#note(what, query?.ticket as Ticket | undefined, query?.text);
    return true;
  }

  /** Tells what was counted and not told. */
  conclude(): Promise<void> {
    return this.#observations.conclude();
  }

  #note(
    what:
      | { readonly kind: "unscoped" }
      | { readonly kind: "read" | "write"; readonly table: string; readonly mode: RolloutMode },
    ticket: Ticket | undefined,
    text: unknown,
  ): void {
    const trace = ticket?.trace;
    const about = "table" in what ? `${what.kind} ${what.table}` : what.kind;
    // A table that a statement names twice tells twice.
    if (trace?.noted.has(about)) return;
    trace?.noted.add(about);
    if (trace) trace.place ??= { callSite: describeCallSite(trace.site) };
    this.#observations.note({
      ...what,
      statement: typeof text === "string" ? text : "",
      callSite: trace?.place?.callSite,
      tenantId: ticket?.kind === "tenant" ? ticket.holder.slice("tenant:".length) : undefined,
    });
  }
}
