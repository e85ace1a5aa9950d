import { ADOPT_FLAGS } from "../adoption.js";
import type { AdoptionReport } from "../../adopt/index.js";
import type { Application } from "../application.js";
import { defineCommand, type ExitCode } from "../command.js";
import type { Context } from "../context.js";
import { UsageError } from "../usage-error.js";

/** `partywall adopt run`. */
export const command = defineCommand({
  name: "adopt run",
  summary: "Puts an existing schema behind the wall, or goes on where it was stopped.",
  usage: "[--phase <phase>]… [--slug <slug> --name <name>]",
  details:
    "Plans as `adopt plan` does, or takes up the adoption that is under way. Each step is tried again where its locks are not had; stop it at any time and run it again. With --slug and --name the tenant that the present rows belong to is registered once the wall stands.",
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
    slug: {
      type: "string",
      value: "slug",
      summary:
        "DNS label of the tenant that the present rows belong to: a-z, 0-9 and inner dashes.",
    },
    name: { type: "string", value: "name", summary: "Name of that tenant, for people." },
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
    {
      line: 'adopt run --slug acme --name "Acme Ltd"',
      says: "all of it, and registers the first tenant",
    },
  ],
  async run({ flags, context }) {
    if ((flags.slug === undefined) !== (flags.name === undefined)) {
      throw new UsageError("--slug and --name go together. Give both, or neither.");
    }
    const [{ adoptOptions, obstacleLines, openSite }, adopt, { adoptionReporter }] =
      await Promise.all([
        import("../adoption.js"),
        import("../../adopt/index.js"),
        import("../adoption-progress.js"),
      ]);
    const { application, client } = await openSite(context, flags.url);
    // Before anything is changed: whether there is an application to register a tenant with.
    const pw = flags.slug === undefined ? undefined : await instanceOf(application, context);
    const reporter = adoptionReporter(context);
    const show = async (report: AdoptionReport, id: string): Promise<ExitCode> => {
      reporter.finish();
      const { slug, name } = flags;
      if (
        pw === undefined ||
        slug === undefined ||
        name === undefined ||
        report.outcome !== "finished"
      ) {
        context.show(report, () => reportLine(report));
        return report.outcome === "stopped" ? 1 : 0;
      }
      const { registerFirst } = await import("../actions/first-tenant.js");
      const { tenantLines } = await import("../tenant-view.js");
      const tenant = await registerFirst(pw, { id, slug, name });
      context.show({ ...report, tenant }, () => [
        reportLine(report),
        "",
        ...tenantLines(tenant, context),
      ]);
      return 0;
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
        return await show(await adopt.resumeAdoption(client, options), status.plan.options.tenant);
      }
      const plan = await adopt.planAdoption(client, adoptOptions(flags, application));
      if (plan.obstacles.length > 0) {
        context.show(plan, () => obstacleLines(plan, context));
        context.note("Nothing was changed.");
        return 1;
      }
      return await show(await adopt.runAdoption(client, plan, options), plan.options.tenant);
    } finally {
      reporter.finish();
    }
  },
});

async function instanceOf(application: Application | undefined, context: Context) {
  if (application !== undefined) return application.partywall();
  const { noConfig } = await import("../config.js");
  throw noConfig(context.cwd);
}

function reportLine({ outcome }: AdoptionReport): string {
  if (outcome === "stopped") return "Stopped; run it again to go on.";
  return outcome === "finished"
    ? "Every step is done."
    : "The phases that were asked for are done; `partywall adopt status` tells what is left.";
}
