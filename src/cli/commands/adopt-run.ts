import { ADOPT_FLAGS } from "../adoption.js";
import type { AdoptionReport } from "../../adopt/index.js";
import { defineCommand, type ExitCode } from "../command.js";

/** `partywall adopt run`. */
export const command = defineCommand({
  name: "adopt run",
  summary: "Puts an existing schema behind the wall, or goes on where it was stopped.",
  usage: "[--phase <phase>]… [--lock-timeout <ms>]",
  details:
    "Plans as `adopt plan` does, or takes up the adoption that is under way. Each step is tried again where its locks are not had; stop it at any time and run it again.",
  flags: {
    ...ADOPT_FLAGS,
    phase: {
      type: "string",
      value: "phase",
      multiple: true,
      summary: "A phase to run; all, unless told.",
      choices: ["expand", "backfill", "enforce"],
    },
    "lock-timeout": {
      type: "integer",
      value: "ms",
      summary: "How long a statement of the application may wait behind a step, in milliseconds.",
      min: 1,
      default: 2000,
    },
    retries: {
      type: "integer",
      value: "n",
      summary: "How often a step that did not get its locks is tried again.",
      min: 0,
      default: 60,
    },
    "batch-rows": {
      type: "integer",
      value: "n",
      summary: "Most rows filled in one transaction.",
      min: 1,
      default: 5000,
    },
  },
  stopsItself: true,
  examples: [
    { line: "adopt run --phase expand --phase backfill", says: "beside the running application" },
    { line: "adopt run --phase enforce", says: "puts up the wall" },
  ],
  async run({ flags, context }) {
    const [{ adoptOptions, obstacleLines, openSite }, adopt, { adoptionReporter }] =
      await Promise.all([
        import("../adoption.js"),
        import("../../adopt/index.js"),
        import("../adoption-progress.js"),
      ]);
    const { application, client } = await openSite(context, flags.url);
    const reporter = adoptionReporter(context);
    const show = (report: AdoptionReport): ExitCode => {
      reporter.finish();
      context.show(report, () => reportLine(report));
      return report.outcome === "stopped" ? 1 : 0;
    };
    const options = {
      ...(flags.phase.length > 0 && { phases: flags.phase }),
      lockTimeoutMs: flags["lock-timeout"],
      retries: flags.retries,
      batchRows: flags["batch-rows"],
      signal: context.signal,
      onProgress: reporter.tell,
    };
    const status = await adopt.adoptionStatus(client);
    try {
      if (status?.state === "unfinished") {
        context.note("An adoption is under way; going on with it as it was planned.");
        return show(await adopt.resumeAdoption(client, options));
      }
      const plan = await adopt.planAdoption(client, adoptOptions(flags, application));
      if (plan.obstacles.length > 0) {
        context.show(plan, () => obstacleLines(plan, context));
        context.note("Nothing was changed.");
        return 1;
      }
      return show(await adopt.runAdoption(client, plan, options));
    } finally {
      reporter.finish();
    }
  },
});

function reportLine({ outcome }: AdoptionReport): string {
  if (outcome === "stopped") return "Stopped; run it again to go on.";
  return outcome === "finished"
    ? "Every step is done."
    : "The phases that were asked for are done; `partywall adopt status` tells what is left.";
}
