import { defineCommand } from "../command.js";

/** `partywall tenant show`. */
export const command = defineCommand({
  name: "tenant show",
  summary: "Shows one tenant with its fields; those named like secrets are masked.",
  usage: "<tenant>",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: {},
  examples: [{ line: "tenant show acme", says: "by slug" }],
  async run({ args, context }) {
    const [{ loadApplication }, { findTenant }, { tenantLines }] = await Promise.all([
      import("../application.js"),
      import("../actions/tenants.js"),
      import("../tenant-view.js"),
    ]);
    const pw = await (await loadApplication(context)).partywall();
    const record = await findTenant(pw, args[0]!);
    context.show(record, () => tenantLines(record, context));
    return 0;
  },
});
