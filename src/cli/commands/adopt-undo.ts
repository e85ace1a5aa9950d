import { URL_FLAG } from "../connection.js";
import { defineCommand } from "../command.js";

/** `partywall adopt undo`. */
export const command = defineCommand({
  name: "adopt undo",
  summary: "Takes back an adoption that has not put up the wall yet, columns and all.",
  usage: "[--yes] [--url <url>]",
  details: "Runs the steps backwards. What `enforce` did is not taken back.",
  flags: {
    url: URL_FLAG,
    yes: { type: "boolean", short: "y", summary: "Do not ask." },
    "lock-timeout": {
      type: "integer",
      value: "ms",
      summary: "How long a statement of the application may wait behind a step, in milliseconds.",
      min: 1,
      default: 2000,
    },
  },
  stopsItself: true,
  examples: [{ line: "adopt undo", says: "asks first" }],
  async run({ flags, context }) {
    const [{ openSite }, { adoptionStatus, undoAdoption }, { adoptionReporter }, { UsageError }] =
      await Promise.all([
        import("../adoption.js"),
        import("../../adopt/index.js"),
        import("../adoption-progress.js"),
        import("../usage-error.js"),
      ]);
    const { client } = await openSite(context, flags.url);
    const status = await adoptionStatus(client);
    if (status === undefined || status.state === "undone") {
      context.show(null, () => "There is no adoption to take back.");
      return 0;
    }
    if (!flags.yes) {
      if (context.ask === undefined) {
        throw new UsageError("adopt undo drops columns, and nobody can be asked. Add --yes.");
      }
      const answer = await context.ask(
        `${status.done} steps will be taken back, with the tenant columns they added. Go on? [y/N] `,
      );
      if (!/^y(?:es)?$/i.test(answer.trim())) {
        context.note("Nothing was changed.");
        return 1;
      }
    }
    const reporter = adoptionReporter(context);
    try {
      const report = await undoAdoption(client, status.plan, {
        lockTimeoutMs: flags["lock-timeout"],
        signal: context.signal,
        onProgress: reporter.tell,
      });
      context.show(report, () =>
        report.outcome === "undone" ? "Taken back." : "Stopped; run it again to go on.",
      );
      return report.outcome === "undone" ? 0 : 1;
    } finally {
      reporter.finish();
    }
  },
});
