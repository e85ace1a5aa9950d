import { defineCommand } from "../command.js";
import { CONFIRM_FLAGS } from "../confirm.js";

/** `partywall tenant suspend`. */
export const command = defineCommand({
  name: "tenant suspend",
  summary: "Shuts a tenant out and ends what it still runs; its rows stay.",
  usage: "<tenant> [--confirm <slug>]",
  details: "Asks for the slug to be typed; where nobody can be asked, --confirm must name it.",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: CONFIRM_FLAGS,
  examples: [
    { line: "tenant suspend acme", says: "asks for the slug first" },
    { line: "tenant suspend acme --confirm acme", says: "in a script" },
  ],
  async run({ flags, args, context }) {
    const [{ loadApplication }, { findTenant }, { confirmDestruction }, { tenantLines }] =
      await Promise.all([
        import("../application.js"),
        import("../actions/tenants.js"),
        import("../confirm.js"),
        import("../tenant-view.js"),
      ]);
    const pw = await (await loadApplication(context)).partywall();
    const { id, slug, name } = await findTenant(pw, args[0]!);
    await confirmDestruction(context, {
      slug,
      consequence: `${name} (${slug}) will be shut out, and what it is doing now will be ended.`,
      confirm: flags.confirm,
      yes: flags.yes,
    });
    const record = await pw.tenants.suspend(id);
    context.show(record, () => tenantLines(record, context));
    return 0;
  },
});
