import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import type { ExecReport, ExecTarget } from "../actions/exec.js";
import type { Context } from "../context.js";
import { UsageError } from "../usage-error.js";

const MOST_SHOWN = 20;

/** `partywall exec`. */
export const command = defineCommand({
  name: "exec",
  summary: "Runs a script in the scope of one tenant, of every active tenant, or of none.",
  usage: "--tenant <tenant> | --all | --central -- <script> [words for the script]",
  details:
    "The script's default export is called with { tenant, args, pw, signal } in each scope. Without one, the module itself runs in the scope of --tenant or --central. Ctrl-C begins no further tenant and waits for those begun; a second Ctrl-C does not wait. With --json, what the script prints goes to standard error.",
  takesRest: true,
  stopsItself: true,
  flags: {
    tenant: {
      type: "string",
      value: "tenant",
      summary: "In this tenant's scope: its slug or id; slug:… or id:… where it could be either.",
    },
    all: { type: "boolean", summary: "In the scope of every active tenant, one after the other." },
    central: { type: "boolean", summary: "In the central scope: shared tables only." },
    concurrency: {
      type: "integer",
      value: "number",
      min: 1,
      default: 4,
      summary: "With --all, how many tenants at once.",
    },
  },
  examples: [
    { line: "exec --tenant acme -- scripts/recount.ts", says: "for one tenant" },
    {
      line: "exec --all --concurrency 8 -- scripts/recount.ts --since 2026-01-01",
      says: "for all, with words for the script",
    },
  ],
  async run({ flags, rest, context }) {
    const target = targetOf(flags);
    const [script, ...args] = rest;
    if (script === undefined) {
      throw new UsageError('No script was named. Put it behind "--": exec --all -- script.ts.');
    }
    const [{ loadApplication }, { execScript }] = await Promise.all([
      import("../application.js"),
      import("../actions/exec.js"),
    ]);
    const file = resolve(context.cwd, script);
    if (!existsSync(file)) {
      throw new UsageError(`The script ${file} is not there. Mend the path behind "--".`);
    }
    const application = await loadApplication(context);
    const progress = context.progress();
    const report = await execScript(await application.partywall(), {
      target,
      args,
      load: () => application.loader.load(file),
      signal: context.signal,
      verbose: context.verbose,
      progress: (event) => progress.update(event),
    }).finally(() => progress.finish());
    context.show(report, () => reportLines(report, target, context));
    // Told by its own exit code, once the report has been printed.
    context.signal.throwIfAborted();
    return report.failures.length > 0 || report.broken !== undefined ? 1 : 0;
  },
});

function targetOf(flags: {
  readonly tenant: string | undefined;
  readonly all: boolean;
  readonly central: boolean;
  readonly concurrency: number;
}): ExecTarget {
  const { tenant, all, central, concurrency } = flags;
  if ([tenant !== undefined, all, central].filter(Boolean).length !== 1) {
    throw new UsageError(
      "Say in which scope the script runs: one of --tenant <tenant>, --all and --central.",
    );
  }
  if (all) return { kind: "all", concurrency };
  return tenant === undefined ? { kind: "central" } : { kind: "tenant", tenant };
}

function reportLines(report: ExecReport, target: ExecTarget, { paint }: Context): string[] {
  const { succeeded, skipped, failures, stopped, broken } = report;
  const shown = failures.slice(0, MOST_SHOWN).map(({ slug, tenantId, error }) => {
    const code = error.code === "UNEXPECTED" ? "" : ` (${error.code})`;
    return `${paint("red", "failed")}  ${slug ?? tenantId ?? "central"}  ${error.message}${code}`;
  });
  const more = failures.length - shown.length;
  const summary =
    target.kind === "all"
      ? [
          `${succeeded} succeeded, ${failures.length} failed, ${skipped} skipped${stopped ? "; told to stop" : ""}.`,
        ]
      : failures.length === 0 && !stopped
        ? ["Done."]
        : [];
  return [
    ...shown,
    ...(more > 0 ? [`… and ${more} more; --json lists every one.`] : []),
    ...(broken === undefined
      ? []
      : [`The tenants could not be listed to the end: ${broken.message}`]),
    ...summary,
  ];
}
