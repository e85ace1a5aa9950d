import { PartywallError } from "../errors.js";
import type { TenantDirectory, TenantEntry } from "./directory.js";
import type { Scopes } from "./scopes.js";
import type { Tenant } from "./tenant.js";

/** How `pw.each` goes through the tenants. */
export interface EachOptions {
  /** How many tenants at once; 4 unless told. */
  readonly concurrency?: number;
  /** Starts no further tenant once aborted; those running are waited for. */
  readonly signal?: AbortSignal;
}

/** What `pw.each` did. */
export interface EachResult {
  /** For how many tenants the function succeeded. */
  readonly succeeded: number;
  /** How many were active when listed but no longer when their turn came. */
  readonly skipped: number;
}

/** One tenant for which the function of `pw.each` failed. */
export interface EachFailure {
  readonly tenantId: string;
  readonly error: unknown;
}

/**
 * `pw.each` did not succeed for every tenant, or did not reach every one; all that were started have finished.
 * Where listing failed or the signal was aborted, `cause` says why.
 *
 * @example
 * ```ts
 * import { EachError } from "partywall";
 *
 * const error = new EachError([{ tenantId: "acme", error: new Error("full") }], { succeeded: 41, skipped: 0 });
 * console.log(error.code, error.failures.length, error.succeeded); // PW_EACH_FAILED 1 41
 * ```
 */
export class EachError extends PartywallError {
  override readonly name = "EachError";
  /** The tenants that failed, in the order in which they failed. */
  readonly failures: readonly EachFailure[];
  /** For how many tenants the function succeeded. */
  readonly succeeded: number;
  /** How many were no longer active when their turn came. */
  readonly skipped: number;

  constructor(failures: readonly EachFailure[], result: EachResult, options?: ErrorOptions) {
    super(
      "PW_EACH_FAILED",
      `pw.each() failed for ${failures.length} tenant(s) and succeeded for ${result.succeeded}` +
        `${options === undefined ? "" : "; it stopped before the last tenant, see cause"}. See error.failures.`,
      options,
    );
    this.failures = failures;
    this.succeeded = result.succeeded;
    this.skipped = result.skipped;
  }
}

/** Runs `fn` in the scope of every active tenant, `concurrency` at a time. */
export async function each(
  scopes: Scopes,
  directory: TenantDirectory,
  fn: (tenant: Tenant) => unknown,
  options: EachOptions = {},
): Promise<EachResult> {
  scopes.assertMayOpen("each");
  const { concurrency = 4, signal } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new PartywallError(
      "PW_CONFIG",
      "pw.each(fn, { concurrency }) must be a whole number of at least 1.",
    );
  }
  const count = { succeeded: 0, skipped: 0 };
  const failures: EachFailure[] = [];
  const running = new Set<Promise<void>>();

  const visit = async (tenantId: string): Promise<void> => {
    try {
      const entry = await activeEntry(directory, tenantId);
      if (entry === undefined) {
        count.skipped += 1;
        return;
      }
      await scopes.enterTenant(entry, () => fn(entry.tenant));
      count.succeeded += 1;
    } catch (error) {
      failures.push({ tenantId, error });
    }
  };

  let stopped: ErrorOptions | undefined;
  try {
    for await (const tenantId of directory.activeIds()) {
      while (running.size >= concurrency) await Promise.race(running);
      signal?.throwIfAborted();
      const visiting = visit(tenantId).finally(() => running.delete(visiting));
      running.add(visiting);
    }
  } catch (cause) {
    stopped = { cause };
  }
  await Promise.all(running);
  if (failures.length > 0 || stopped !== undefined) throw new EachError(failures, count, stopped);
  return count;
}

async function activeEntry(
  directory: TenantDirectory,
  tenantId: string,
): Promise<TenantEntry | undefined> {
  try {
    const entry = await directory.reread(tenantId);
    return entry.tenant.status === "active" ? entry : undefined;
  } catch (error) {
    if (error instanceof PartywallError && error.code === "PW_TENANT_UNKNOWN") return undefined;
    throw error;
  }
}
