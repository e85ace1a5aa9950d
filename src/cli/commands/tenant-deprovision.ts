import { defineCommand } from "../command.js";
import { CONFIRM_FLAGS } from "../confirm.js";

/** `partywall tenant deprovision`. */
export const command = defineCommand({
  name: "tenant deprovision",
  summary: "Drops the schema or database of a suspended or deleted tenant, and its own login.",
  usage: "<tenant> [--confirm <slug>] [--dry-run]",
  details:
    "Needs the provisioner that the entry exports as homes. Rows in shared tables stay. Asks for the slug to be typed; where nobody can be asked, --confirm must name it.",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: {
    ...CONFIRM_FLAGS,
    "dry-run": { type: "boolean", summary: "Only tell what would be dropped." },
  },
  examples: [
    { line: "tenant deprovision acme --dry-run", says: "look first" },
    { line: "tenant deprovision acme --confirm acme", says: "in a script" },
  ],
  async run({ flags, args, context }) {
    const [{ loadApplication }, { findDeparted }, { confirmDestruction }] = await Promise.all([
      import("../application.js"),
      import("../actions/tenants.js"),
      import("../confirm.js"),
    ]);
    const application = await loadApplication(context);
    const homes = await application.homes();
    const record = await findDeparted(await application.partywall(), args[0]!);
    const { slug, name } = record;
    const looked = await homes.deprovision(record, { confirm: slug, dryRun: true });
    if (flags["dry-run"]) {
      context.show(looked, () =>
        looked.dropped.length === 0
          ? `Nothing of ${slug}'s is there to be dropped.`
          : looked.dropped.map((what) => `would drop ${what}`),
      );
      return 0;
    }
    await confirmDestruction(context, {
      slug,
      consequence: `${name} (${slug}) will lose for good: ${looked.dropped.join(", ") || "nothing"}.`,
      confirm: flags.confirm,
      yes: flags.yes,
    });
    const report = await homes.deprovision(record, { confirm: slug });
    context.show(report, () => [
      ...(report.dropped.length === 0 ? [`Nothing of ${slug}'s was there to be dropped.`] : []),
      ...report.dropped.map((what) => `dropped ${what}`),
      ...report.kept.map((what) => `kept ${what}, which owns something else; it cannot log in`),
    ]);
    return 0;
  },
});
