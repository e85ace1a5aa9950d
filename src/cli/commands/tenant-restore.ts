import { defineCommand } from "../command.js";

/** `partywall tenant restore`. */
export const command = defineCommand({
  name: "tenant restore",
  summary: "Lets a suspended tenant in again.",
  usage: "<tenant>",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: {},
  examples: [{ line: "tenant restore acme", says: "by slug" }],
  async run({ args, context }) {
    const [{ loadApplication }, { findTenant }, { tenantLines }] = await Promise.all([
      import("../application.js"),
      import("../actions/tenants.js"),
      import("../tenant-view.js"),
    ]);
    const pw = await (await loadApplication(context)).partywall();
    const { id } = await findTenant(pw, args[0]!);
    const record = await pw.tenants.restore(id);
    context.show(record, () => tenantLines(record, context));
    return 0;
  },
});
