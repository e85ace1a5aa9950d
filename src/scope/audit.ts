import { PartywallError } from "../errors.js";
import type { DeniedAccess, OpenGuardRollout } from "./guard.js";

/** A system scope was opened (`started`) or ended (`finished`, `failed`). */
export interface SystemAuditEvent {
  readonly type: "system";
  readonly outcome: "started" | "finished" | "failed";
  /** The same for the start and the end of one scope. */
  readonly id: string;
  readonly reason: string;
  readonly actor?: string;
  /** The database server it worked on; absent for the default one. */
  readonly server?: string;
  /** When, as ISO 8601 in UTC. */
  readonly at: string;
}

/** An access was refused, by a guard or (`wire: "scope"`) by the rules on opening scopes. */
export interface DeniedAuditEvent extends DeniedAccess {
  readonly type: "denied";
  /** When, as ISO 8601 in UTC. */
  readonly at: string;
}

/** A guard began to work with a wall that is still being rolled out: it lets pass what it will refuse later. */
export interface RolloutAuditEvent extends OpenGuardRollout {
  readonly type: "rollout";
  /** When, as ISO 8601 in UTC. */
  readonly at: string;
}

/** What an audit sink receives; frozen. Holds no row, parameter or SQL text. */
export type AuditEvent = SystemAuditEvent | DeniedAuditEvent | RolloutAuditEvent;

/** Records audit events. A throw or rejection for a `started` event keeps the system scope from opening. */
export type AuditSink = (event: AuditEvent) => void | Promise<void>;

/** Hands audit events to the configured sink and to every `audit` listener. */
export class AuditTrail {
  readonly #sinks = new Set<AuditSink>();

  constructor(sink: AuditSink | undefined) {
    if (sink !== undefined) this.#sinks.add(sink);
  }

  add(sink: AuditSink): () => void {
    // A wrapper, so that the same function added twice is removed once per registration.
    const entry: AuditSink = (event) => sink(event);
    this.#sinks.add(entry);
    return () => void this.#sinks.delete(entry);
  }

  /** Waits for every sink. Throws `PW_AUDIT_FAILED` when one fails. */
  async record(event: SystemAuditEvent): Promise<void> {
    const faults = await this.#send(Object.freeze(event));
    if (faults.length === 0) return;
    throw new PartywallError(
      "PW_AUDIT_FAILED",
      event.outcome === "started"
        ? "The audit sink failed, so the system scope was not opened. Make the sink work, then try again."
        : "The system scope has ended, but the audit sink failed to record it.",
      { cause: new AggregateError(faults, "audit sinks failed") },
    );
  }

  /** Reports a refusal without making the refused caller wait. */
  denied(access: DeniedAccess): void {
    // The access is refused already: a broken sink must neither let it pass nor, by crashing, let a tenant
    // that provokes refusals stop the process.
    this.#tell({ ...access, type: "denied" }, "a refused access");
  }

  /** Reports a rollout without making the statement that met it wait. */
  rolloutOpen(rollout: OpenGuardRollout): void {
    this.#tell({ ...rollout, type: "rollout" }, "an open rollout");
  }

  #tell(what: Omit<DeniedAuditEvent, "at"> | Omit<RolloutAuditEvent, "at">, name: string): void {
    if (this.#sinks.size === 0) return;
    const event = Object.freeze({ ...what, at: new Date().toISOString() }) as AuditEvent;
    void this.#send(event).then((faults) => {
      if (faults.length > 0) {
        process.emitWarning(`An audit sink failed to record ${name}.`, { code: "PW_AUDIT_SINK" });
      }
    });
  }

  async #send(event: AuditEvent): Promise<readonly unknown[]> {
    const outcomes = await Promise.allSettled([...this.#sinks].map(async (sink) => sink(event)));
    return outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason as unknown] : [],
    );
  }
}
