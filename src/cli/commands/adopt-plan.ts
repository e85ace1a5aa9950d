import { ADOPT_FLAGS } from "../adoption.js";
import { defineCommand } from "../command.js";

/** `partywall adopt plan`. */
export const command = defineCommand({
  name: "adopt plan",
  summary: "Shows how an existing schema gets behind the wall; changes nothing.",
  usage: "--tenant <id> [--shared <table>]… [--sql]",
  details:
    "Reads the live catalogue and lists every step with its strongest lock and an estimate of its time. Ends with 1 where something stops the plan.",
  flags: {
    ...ADOPT_FLAGS,
    sql: { type: "boolean", summary: "Print the plan as SQL, for psql." },
    phase: {
      type: "string",
      value: "phase",
      summary: "With --sql: one phase only.",
      choices: ["expand", "backfill", "enforce"],
    },
  },
  examples: [
    { line: "adopt plan --tenant 7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34", says: "lists the steps" },
    { line: "adopt plan --sql --phase expand > expand.sql", says: "prints what a phase sends" },
    { line: "adopt plan --json", says: "the whole plan, for a program" },
  ],
  async run({ flags, context }) {
    const [
      { adoptOptions, obstacleLines, openSite },
      { planAdoption, printAdoption },
      { planLines },
    ] = await Promise.all([
      import("../adoption.js"),
      import("../../adopt/index.js"),
      import("../adoption-view.js"),
    ]);
    const { application, client } = await openSite(context, flags.url);
    const plan = await planAdoption(client, adoptOptions(flags, application));
    const sql = flags.sql
      ? printAdoption(plan, flags.phase === undefined ? {} : { phase: flags.phase })
      : undefined;
    context.product(plan, () => sql ?? planLines(plan, context));
    for (const line of obstacleLines(plan, context)) context.note(line);
    return plan.obstacles.length > 0 ? 1 : 0;
  },
});
