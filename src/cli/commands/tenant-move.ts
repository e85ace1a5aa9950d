import { defineCommand } from "../command.js";
import { URL_FLAG } from "../connection.js";
import { dataReporter, EXCEPT_FLAG, rowLines } from "../tenant-data.js";
import { placementText } from "../tenant-view.js";
import type { MoveReport } from "../../tenants/index.js";

/** `partywall tenant move`. */
export const command = defineCommand({
  name: "tenant move",
  summary: "Moves a tenant to another placement while it is in use, and keeps the old copy.",
  usage:
    "<tenant> --strategy <strategy> [--server <name>] [--home <name>] [--secret <reference>] [--url <url>]",
  details:
    "Copies the rows, follows what is written meanwhile, compares both sides, holds the tenant's writes for a moment, and lets it live there. Stopped or killed at any moment, the same command goes on. A schema or database is made by the provisioner that the entry exports as homes. tenant move-confirm removes the old copy, tenant move-give-up takes back a move that was not cut over.",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: {
    strategy: {
      type: "string",
      value: "strategy",
      required: true,
      choices: ["row", "schema", "database"],
      summary: "How it is to be kept apart.",
    },
    server: {
      type: "string",
      value: "name",
      summary: "The server it is to live on, as guardPg() names it; the default one unless told.",
    },
    home: {
      type: "string",
      value: "name",
      summary: "Name of its schema or database; made of its slug and id unless told.",
    },
    secret: {
      type: "string",
      value: "reference",
      summary: "Gives it a login of its own, whose password is kept under this reference.",
    },
    "hold-ms": {
      type: "integer",
      value: "ms",
      summary: "How long its writes may be held at a time, in milliseconds.",
      min: 1,
      default: 2000,
    },
    attempts: {
      type: "integer",
      value: "n",
      summary: "How often the cut is tried before the move is left for another time.",
      min: 1,
      default: 20,
    },
    except: EXCEPT_FLAG,
    url: URL_FLAG,
  },
  stopsItself: true,
  examples: [
    { line: "tenant move acme --strategy schema", says: "out of the shared tables" },
    { line: "tenant move acme --strategy database --server east", says: "to another server" },
    { line: "tenant move acme --strategy row", says: "back into the shared tables" },
  ],
  async run({ flags, args, context }) {
    const [{ loadApplication }, { findTenant }, { leftText, openMove, targetOf }] =
      await Promise.all([
        import("../application.js"),
        import("../actions/tenants.js"),
        import("../actions/tenant-move.js"),
      ]);
    const application = await loadApplication(context);
    const record = await findTenant(await application.partywall(), args[0]!);
    const to = targetOf(record, flags);
    const { mover } = await openMove(context, application, record, { ...flags, to });
    const reporter = dataReporter(context, { import: "copy" });
    try {
      const report = await mover.move(record.id, to, {
        holdMs: flags["hold-ms"],
        attempts: flags.attempts,
        signal: context.signal,
        onProgress: reporter.tell,
      });
      reporter.finish();
      context.show(report, () => lines(record.slug, report));
      return 0;
    } catch (error) {
      reporter.finish();
      const left = await leftText(mover, record);
      if (left !== undefined) context.note(left);
      throw error;
    }
  },
});

function lines(slug: string, { tables, changes, pauseMs, from, to }: MoveReport): string[] {
  const done = [
    ...rowLines(tables, "moved, and compared"),
    `${changes} changes were carried over after the copy.`,
    `Writes were held for ${pauseMs} ms.`,
  ];
  return [
    // One that was cut over before it was interrupted has told nothing of that.
    ...(tables.length > 0 ? done : []),
    `${slug} lives in ${placementText(to)}. Its old copy is kept: ${placementText(from)}.`,
    `Next, once it has proved itself: partywall tenant move-confirm ${slug}`,
  ];
}
