import { setTimeout as sleep } from "node:timers/promises";
import { PartywallError } from "../errors.js";
import { EachError } from "../scope/each.js";
import type { EachFailure, EachOptions, EachResult } from "../scope/each.js";
import type { Tenant } from "../scope/tenant.js";

/** The part of a Partywall instance that a schedule needs; what `createPartywall` returns fits. */
export interface CronHost<Fields> {
  each(fn: (tenant: Tenant<Fields>) => unknown, options?: EachOptions): Promise<EachResult>;
}

/** How {@link perTenant} goes through the tenants. */
export interface PerTenantOptions extends EachOptions {
  /**
   * Each tenant starts by a random part of this later than its turn, in milliseconds, so that tenants do not all ask the same
   * service at once; 0 unless told. A tenant that waits takes one of the `concurrency`.
   */
  readonly jitterMs?: number;
  /** Told what a run did, failures included; awaited. Where it is not given, a run with failures rejects with `EachError`. */
  readonly onReport?: (report: TenantRun) => void | PromiseLike<void>;
}

/** What one run of a schedule did. */
export interface TenantRun {
  /** Whether the run before was still under way, so that this one did nothing. */
  readonly overlapped: boolean;
  /** For how many tenants the function succeeded. */
  readonly succeeded: number;
  /** How many were active when listed but no longer when their turn came. */
  readonly skipped: number;
  /** The tenants for which it failed, in the order in which they did. */
  readonly failures: readonly EachFailure[];
  /** Why not every tenant was reached: the registry could not be read, or the signal was aborted. */
  readonly stopped?: unknown;
  /** When it began and ended. */
  readonly startedAt: Date;
  readonly finishedAt: Date;
}

/**
 * A function for any scheduler that runs `fn` for every active tenant, each in its own scope, and tells what came of it. It
 * may be handed to croner, node-cron, `setInterval` or a queue: it takes no argument and never runs twice at the same time.
 *
 * A failure of one tenant stops no other. What came of a run is told to `onReport`; without it a run with failures, or one
 * that did not reach every tenant, rejects with `EachError` (`PW_EACH_FAILED`). Throws `PW_CONFIG` for a `jitterMs` that cannot
 * be.
 *
 * @example
 * ```ts
 * import { Cron } from "croner";
 * import { createPartywall } from "partywall";
 * import { perTenant } from "partywall/runtime/cron";
 *
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"] });
 * const nightly = perTenant(pw, async (tenant) => console.log("invoices of", tenant.slug), {
 *   concurrency: 8,
 *   jitterMs: 2_000,
 *   onReport: ({ succeeded, failures }) => console.log(succeeded, failures.map(({ tenantId }) => tenantId)),
 * });
 * new Cron("0 3 * * *", { paused: true }, nightly);
 * ```
 */
export function perTenant<Fields = Readonly<Record<string, unknown>>>(
  pw: CronHost<Fields>,
  fn: (tenant: Tenant<Fields>) => unknown,
  options: PerTenantOptions = {},
): () => Promise<void> {
  const { jitterMs = 0, onReport, ...each } = options;
  if (!Number.isFinite(jitterMs) || jitterMs < 0) {
    throw new PartywallError(
      "PW_CONFIG",
      "perTenant({ jitterMs }) must be a number of milliseconds of at least 0.",
    );
  }
  const work = async (tenant: Tenant<Fields>): Promise<void> => {
    const { signal } = each;
    if (jitterMs > 0) {
      await sleep(Math.random() * jitterMs, undefined, signal === undefined ? {} : { signal });
    }
    await fn(tenant);
  };
  const report = async (run: TenantRun): Promise<void> => onReport?.(Object.freeze(run));
  let isRunning = false;

  return async () => {
    const startedAt = new Date();
    if (isRunning) {
      const nothing = { succeeded: 0, skipped: 0, failures: [] };
      return report({ overlapped: true, ...nothing, startedAt, finishedAt: startedAt });
    }
    isRunning = true;
    try {
      const outcome = await pw.each(work, each).catch(incomplete);
      if (onReport === undefined && outcome instanceof EachError) throw outcome;
      const { succeeded, skipped } = outcome;
      const rest = outcome instanceof EachError ? failuresOf(outcome) : { failures: [] };
      const finishedAt = new Date();
      await report({
        overlapped: false,
        succeeded,
        skipped,
        ...rest,
        startedAt,
        finishedAt,
      });
    } finally {
      isRunning = false;
    }
  };
}

function incomplete(error: unknown): EachError {
  if (error instanceof EachError) return error;
  throw error;
}

function failuresOf({ failures, cause }: EachError): Pick<TenantRun, "failures" | "stopped"> {
  return { failures, ...(cause === undefined ? {} : { stopped: cause }) };
}
