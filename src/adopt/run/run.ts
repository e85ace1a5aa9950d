import { setTimeout as sleep } from "node:timers/promises";
import type { SqlClient } from "../../guards/postgres/index.js";
import type { Step } from "../step.js";
import type { Journal } from "./journal.js";
import type { AdoptionProgress, ProgressStep } from "./progress.js";
import type { RunSettings } from "./run-options.js";
import { orderedSteps } from "./runnable.js";
import type { RunnerSession } from "./runner-session.js";

/** Thrown where the signal was aborted, at a place where everything is noted; never leaves the runner. */
export class Stopped extends Error {}

/** What the caller's listener threw; leaves the runner as the listener threw it. */
export class ListenerFailure extends Error {}

/** One run of an adoption: what every kind of step needs. */
export class Run {
  readonly client: SqlClient;
  readonly journal: Journal;
  readonly settings: RunSettings;
  readonly session: RunnerSession;
  /** The steps of the stored plan, in their order. */
  readonly steps: readonly Step[];

  constructor(client: SqlClient, journal: Journal, settings: RunSettings, session: RunnerSession) {
    this.client = client;
    this.journal = journal;
    this.settings = settings;
    this.session = session;
    this.steps = orderedSteps(journal.adoption.plan);
  }

  /** Tells the listener; only ever called while no transaction is open. */
  tell(event: AdoptionProgress): void {
    try {
      this.settings.onProgress(event);
    } catch (error) {
      throw new ListenerFailure(undefined, { cause: error });
    }
  }

  /** A step as events name it. */
  label(step: Step): ProgressStep {
    const { id, title, phase } = step;
    return { id, title, phase, number: this.steps.indexOf(step) + 1, of: this.steps.length };
  }

  /** Throws {@link Stopped} once the signal is aborted. */
  assertGoingOn(): void {
    if (this.settings.signal?.aborted === true) throw new Stopped();
  }

  /** Waits, and throws {@link Stopped} as soon as the signal is aborted. */
  async wait(milliseconds: number): Promise<void> {
    this.assertGoingOn();
    if (milliseconds === 0) return;
    const { signal } = this.settings;
    // The only reason for which a wait is cut short is the signal, which is looked at behind it.
    await sleep(milliseconds, undefined, signal ? { signal } : undefined).catch(() => undefined);
    this.assertGoingOn();
  }
}
