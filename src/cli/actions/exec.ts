import type { Partywall } from "../../partywall.js";
import type { EachFailure, EachResult } from "../../scope/each.js";
import { codeOf, errorReport, type ErrorReport } from "../error-report.js";
import type { ProgressEvent } from "../progress.js";
import type { Script } from "../script.js";
import { UsageError } from "../usage-error.js";
import { countTenants, findTenant } from "./tenants.js";

/** In which scopes a script runs. */
export type ExecTarget =
  | { readonly kind: "tenant"; readonly tenant: string }
  | { readonly kind: "all"; readonly concurrency: number }
  | { readonly kind: "central" };

/** One tenant for which a script failed. */
export interface ExecFailure {
  readonly tenantId?: string;
  readonly slug?: string;
  readonly error: ErrorReport;
}

/** What running a script came to. */
export interface ExecReport {
  readonly succeeded: number;
  /** Tenants that were no longer active when their turn came. */
  readonly skipped: number;
  readonly failures: readonly ExecFailure[];
  /** Whether it was told to stop. */
  readonly stopped: boolean;
  /** What kept the tenants from being listed to the end. */
  readonly broken?: ErrorReport;
}

/** What {@link execScript} works with. */
export interface ExecOptions {
  readonly target: ExecTarget;
  readonly args: readonly string[];
  /** Imports the script; called in the scope of the one tenant or in the central scope, outside any for all tenants. */
  readonly load: () => Promise<Readonly<Record<string, unknown>>>;
  readonly signal: AbortSignal;
  readonly verbose: boolean;
  readonly progress: (event: ProgressEvent) => void;
}

/**
 * Runs a script in the scope of one tenant, of every active tenant, or in the central scope. What the script throws is
 * collected; once `signal` is aborted no further tenant is begun and those begun are waited for. Throws
 * {@link UsageError} for a module that cannot be run so, and `PW_TENANT_UNKNOWN`.
 */
export async function execScript(pw: Partywall, options: ExecOptions): Promise<ExecReport> {
  const { target } = options;
  if (target.kind === "all") return execForAll(pw, target.concurrency, options);
  if (target.kind === "central") {
    return one(options, {}, () => pw.central(() => callIn(pw, options)));
  }
  const { id, slug } = await findTenant(pw, target.tenant);
  return one(options, { tenantId: id, slug }, () => pw.run(id, () => callIn(pw, options)));
}

async function one(
  { signal, verbose }: ExecOptions,
  who: Omit<ExecFailure, "error">,
  run: () => Promise<unknown>,
): Promise<ExecReport> {
  const report = { succeeded: 0, skipped: 0, failures: [], stopped: signal.aborted };
  if (signal.aborted) return report;
  try {
    await run();
    return { ...report, succeeded: 1, stopped: signal.aborted };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const failures = [{ ...who, error: errorReport(error, verbose) }];
    return { ...report, failures, stopped: signal.aborted };
  }
}

// Within a scope already, so that a script without a default export runs in it by being imported.
async function callIn(pw: Partywall, { load, args, signal }: ExecOptions): Promise<void> {
  const exported = await load();
  const script = scriptOf(exported);
  const tenant = pw.tryCurrent();
  if (script !== undefined) {
    await script({ args, pw, signal, ...(tenant === undefined ? {} : { tenant }) });
  }
}

async function execForAll(
  pw: Partywall,
  concurrency: number,
  options: ExecOptions,
): Promise<ExecReport> {
  const { args, signal, verbose, progress } = options;
  const script = scriptOf(await options.load());
  if (script === undefined) {
    throw new UsageError(
      "The script has no default export, so it can run only once, with --tenant or --central. For --all, export default a function.",
    );
  }
  const total = await countTenants(pw, "active");
  const slugs = new Map<string, string>();
  let done = 0;
  const step = (): void =>
    progress({ done, total: Math.max(total, done), unit: "tenants", label: "exec" });
  step();
  const each = pw.each(
    async (tenant) => {
      slugs.set(tenant.id, tenant.slug);
      try {
        await script({ tenant, args, pw, signal });
        // Only those that failed have to be named at the end.
        slugs.delete(tenant.id);
      } finally {
        done += 1;
        step();
      }
    },
    { concurrency, signal },
  );
  const outcome: EachOutcome = await each.catch(asEachError);
  const { failures = [], cause } = outcome;
  return {
    succeeded: outcome.succeeded,
    skipped: outcome.skipped,
    failures: failures.map(({ tenantId, error }) => {
      const slug = slugs.get(tenantId);
      return {
        tenantId,
        ...(slug === undefined ? {} : { slug }),
        error: errorReport(error, verbose),
      };
    }),
    stopped: signal.aborted,
    ...(cause === undefined || signal.aborted ? {} : { broken: errorReport(cause, verbose) }),
  };
}

type EachOutcome = EachResult & {
  readonly failures?: readonly EachFailure[];
  readonly cause?: unknown;
};

/** What an `EachError` says, of whichever copy of the package. Throws any other error. */
function asEachError(error: unknown): EachOutcome {
  if (codeOf(error) !== "PW_EACH_FAILED") throw error;
  return error as EachOutcome;
}

function scriptOf(exported: Readonly<Record<string, unknown>>): Script | undefined {
  // A CommonJS module's exports are its default, and not a function where there is none to call.
  const script = exported["default"];
  if (typeof script === "function") return script as Script;
  return undefined;
}
