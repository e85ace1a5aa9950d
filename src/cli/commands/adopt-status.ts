import { URL_FLAG } from "../connection.js";
import { defineCommand } from "../command.js";

/** `partywall adopt status`. */
export const command = defineCommand({
  name: "adopt status",
  summary: "Tells how far an adoption has come.",
  usage: "[--url <url>]",
  flags: { url: URL_FLAG },
  examples: [{ line: "adopt status", says: "phase, steps done and left" }],
  async run({ flags, context }) {
    const [{ openSite }, { adoptionStatus }, { statusLines }] = await Promise.all([
      import("../adoption.js"),
      import("../../adopt/index.js"),
      import("../adoption-view.js"),
    ]);
    const { client } = await openSite(context, flags.url);
    const status = await adoptionStatus(client);
    context.show(status ?? null, () => statusLines(status, context));
    return 0;
  },
});
