import { defineCommand } from "../command.js";
import { CONFIRM_FLAGS } from "../confirm.js";
import { URL_FLAG } from "../connection.js";

/** `partywall tenant move-confirm`. */
export const command = defineCommand({
  name: "tenant move-confirm",
  summary: "Removes the old copy of a tenant that was moved.",
  usage: "<tenant> [--confirm <slug>] [--url <url>]",
  details:
    "Its rows in the shared tables, or its schema or database with its login there, through the provisioner that the entry exports as homes. Asks for the slug to be typed; where nobody can be asked, --confirm must name it.",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: { ...CONFIRM_FLAGS, url: URL_FLAG },
  examples: [
    { line: "tenant move-confirm acme", says: "asks for the slug first" },
    { line: "tenant move-confirm acme --confirm acme", says: "in a script" },
  ],
  async run({ flags, args, context }) {
    const [{ loadApplication }, data, move, { confirmDestruction }, { placementText }] =
      await Promise.all([
        import("../application.js"),
        import("../actions/tenant-data.js"),
        import("../actions/tenant-move.js"),
        import("../confirm.js"),
        import("../tenant-view.js"),
      ]);
    const application = await loadApplication(context);
    const record = await data.findTenantOrDeleted(await application.partywall(), args[0]!);
    const { id, slug, name } = record;
    const { mover, entry } = await move.openMove(context, application, record, flags);
    const { from: removed, to: placement } = move.keptMove(record, entry);
    await confirmDestruction(context, {
      slug,
      consequence: `The old copy of ${name} (${slug}) will be removed for good: ${placementText(removed)}. It lives in ${placementText(placement)}.`,
      confirm: flags.confirm,
      yes: flags.yes,
    });
    await mover.confirm(id);
    context.show(
      { tenantId: id, removed, placement },
      () => `The old copy of ${slug} is removed: ${placementText(removed)}.`,
    );
    return 0;
  },
});
