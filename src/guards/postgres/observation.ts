import { outside } from "../../scope/outside.js";
import type { RolloutMode } from "./ddl/rollout.js";

/** Something that a rollout let pass and the wall would have kept. Holds no row and no parameter. */
export interface Observation {
  /**
   * `read`: the statement met rows that the wall would have hidden from it. `write`: it wrote a row that the wall would
   * have refused. `unscoped`: it was issued outside any scope, where it would not have been sent.
   */
  readonly kind: "read" | "write" | "unscoped";
  /** The table with its schema, `"public.orders"`; absent of `unscoped`. */
  readonly table?: string;
  /** How far the table is rolled out; absent of `unscoped`. */
  readonly mode?: RolloutMode;
  /** The text, without its parameters, cut to 4,000 characters. What an application writes into its texts is in it. */
  readonly statement: string;
  /** Where the application issued it, `listOrders (/srv/shop/orders.ts:12:20)`; `undefined` where no frame tells. */
  readonly callSite: string | undefined;
  /** The tenant in whose scope it was issued the last time; `undefined` in none. */
  readonly tenantId: string | undefined;
  /** How many statements have been seen so far of this kind, table, text and call site. */
  readonly count: number;
  /** When the last of them was seen, as ISO 8601 in UTC. */
  readonly at: string;
}

/** Receives observations, in no scope. Where it fails a process warning `PW_ROLLOUT_REPORT` tells so. */
export type ObservationSink = (observation: Observation) => void | Promise<void>;

const MOST_KEPT = 1000;
const LONGEST_TEXT = 4000;

interface Kept {
  observation: Observation;
  /** The count at which it is told next. */
  next: number;
  told: number;
}

/**
 * Counts observations that are alike and tells of each at the 1st, 10th, 100th and so on. The longest unseen makes
 * room for the next, told once more where its count has grown.
 */
export class Observations {
  readonly #sink: ObservationSink;
  readonly #kept = new Map<string, Kept>();

  constructor(sink: ObservationSink) {
    this.#sink = sink;
  }

  /** Counts one. */
  note(seen: Omit<Observation, "count" | "at">): void {
    const statement = seen.statement.slice(0, LONGEST_TEXT);
    const key = JSON.stringify([seen.kind, seen.table, statement, seen.callSite]);
    const known = this.#kept.get(key);
    const count = (known?.observation.count ?? 0) + 1;
    const kept: Kept = {
      observation: Object.freeze({ ...seen, statement, count, at: new Date().toISOString() }),
      next: known?.next ?? 1,
      told: known?.told ?? 0,
    };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (count >= kept.next) void this.#tell(kept);
    if (this.#kept.size <= MOST_KEPT) return;
    const [oldest] = this.#kept;
    if (oldest === undefined) return;
    this.#kept.delete(oldest[0]);
    void this.#tellGrown(oldest[1]);
  }

  /** Tells of all whose count has grown since they were last told, and waits until they are taken. */
  async conclude(): Promise<void> {
    await Promise.all([...this.#kept.values()].map((kept) => this.#tellGrown(kept)));
  }

  async #tellGrown(kept: Kept): Promise<void> {
    if (kept.observation.count > kept.told) await this.#tell(kept);
  }

  #tell(kept: Kept): Promise<void> {
    const { observation } = kept;
    kept.told = observation.count;
    kept.next = observation.count * 10;
    // Later, and in no scope: the driver is in the middle of an answer, and the sink is nobody's tenant.
    return outside(async () => {
      await Promise.resolve();
      try {
        await this.#sink(observation);
      } catch {
        process.emitWarning("The report of a rollout failed to take an observation.", {
          code: "PW_ROLLOUT_REPORT",
        });
      }
    });
  }
}
