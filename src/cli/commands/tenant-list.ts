import { defineCommand } from "../command.js";

const PAGE = 500;

/** `partywall tenant list`. */
export const command = defineCommand({
  name: "tenant list",
  summary: "Lists tenants, ordered by id, page by page as they are read.",
  usage: "[--status <status>]… [--limit <number>]",
  details:
    "With --json each tenant is one line of JSON, so that thousands can be read as they come.",
  flags: {
    status: {
      type: "string",
      value: "status",
      multiple: true,
      choices: ["provisioning", "active", "suspended", "deleted"],
      summary: "Only these; every one but the deleted unless told.",
    },
    limit: { type: "integer", value: "number", min: 1, summary: "At most so many." },
  },
  examples: [
    { line: "tenant list", says: "every tenant that is not deleted" },
    {
      line: "tenant list --status suspended --json",
      says: "the suspended ones, a line of JSON each",
    },
  ],
  async run({ flags, context }) {
    const [{ loadApplication }, { Table }, { TENANT_COLUMNS }] = await Promise.all([
      import("../application.js"),
      import("../table.js"),
      import("../tenant-view.js"),
    ]);
    const pw = await (await loadApplication(context)).partywall();
    const table = new Table(TENANT_COLUMNS, context.room);
    let left = flags.limit ?? Infinity;
    let after: string | undefined;
    let shown = 0;
    do {
      const { tenants, next } = await pw.tenants.list({
        limit: Math.min(PAGE, left),
        ...(flags.status.length === 0 ? {} : { status: flags.status }),
        ...(after === undefined ? {} : { after }),
      });
      context.signal.throwIfAborted();
      if (context.json) for (const tenant of tenants) context.show(tenant, () => "");
      else if (tenants.length > 0) context.show(undefined, () => table.lines(tenants));
      shown += tenants.length;
      left -= tenants.length;
      after = next;
    } while (after !== undefined && left > 0);
    if (shown === 0) context.note("No tenants.");
    return 0;
  },
});
