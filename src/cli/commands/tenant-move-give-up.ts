import { defineCommand } from "../command.js";
import { CONFIRM_FLAGS } from "../confirm.js";
import { URL_FLAG } from "../connection.js";

/** `partywall tenant move-give-up`. */
export const command = defineCommand({
  name: "tenant move-give-up",
  summary: "Takes back a move that was not cut over: removes what was copied.",
  usage: "<tenant> [--confirm <slug>] [--url <url>]",
  details:
    "The tenant lives on where it does. After the cut it is refused: confirm the move, and move the tenant back then. Asks for the slug to be typed; where nobody can be asked, --confirm must name it.",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: { ...CONFIRM_FLAGS, url: URL_FLAG },
  examples: [
    { line: "tenant move-give-up acme", says: "asks for the slug first" },
    { line: "tenant move-give-up acme --confirm acme", says: "in a script" },
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
    const { from: placement, to: removed } = move.unfinishedMove(record, entry);
    await confirmDestruction(context, {
      slug,
      consequence: `What the move of ${name} (${slug}) has copied will be removed: ${placementText(removed)}. It lives on in ${placementText(placement)}.`,
      confirm: flags.confirm,
      yes: flags.yes,
    });
    await mover.giveUp(id);
    context.show(
      { tenantId: id, removed, placement },
      () => `The move of ${slug} is given up. It lives on in ${placementText(placement)}.`,
    );
    return 0;
  },
});
