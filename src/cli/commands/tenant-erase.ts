import { defineCommand, type ExitCode } from "../command.js";
import { CONFIRM_FLAGS } from "../confirm.js";
import { URL_FLAG } from "../connection.js";
import type { Context } from "../context.js";
import { dataReporter, EXCEPT_FLAG, rowLines } from "../tenant-data.js";
import type { TenantRecord } from "../../registry/record.js";
import type { EraseReport } from "../../tenants/index.js";

/** `partywall tenant erase`. */
export const command = defineCommand({
  name: "tenant erase",
  summary: "Deletes all data of a tenant that is suspended or deleted, and looks for what is left.",
  usage: "<tenant> [--dry-run] [--confirm <slug>] [--url <url>]",
  details:
    "A tenant in shared tables loses its rows; a schema or database of its own is dropped. Asks for the slug to be typed; where nobody can be asked, --confirm must name it. Stopped at any moment, it goes on when it is run again. With --json it prints a report to keep as evidence. Exits with 1 where something is left. Backups, replicas and logs are not looked into.",
  arguments: [
    { name: "tenant", summary: "Its slug or id; slug:… or id:… where it could be either." },
  ],
  flags: {
    "dry-run": { type: "boolean", summary: "Tells what would go, and changes nothing." },
    ...CONFIRM_FLAGS,
    "batch-rows": {
      type: "integer",
      value: "n",
      summary: "Most rows deleted in one transaction.",
      min: 1,
      default: 5000,
    },
    "scan-column": {
      type: "string",
      value: "column",
      multiple: true,
      summary: "Another column to look for the id in, in whichever table; all for every one.",
    },
    except: EXCEPT_FLAG,
    url: URL_FLAG,
  },
  stopsItself: true,
  examples: [
    { line: "tenant erase acme --dry-run", says: "what would go" },
    { line: "tenant erase acme --confirm acme --json > erased.json", says: "with evidence" },
  ],
  async run({ flags, args, context }) {
    const [
      { loadApplication },
      { openPremises },
      { assertSettled },
      { confirmDestruction },
      data,
      tenants,
    ] = await Promise.all([
      import("../application.js"),
      import("../actions/tenant-premises.js"),
      import("../actions/settled.js"),
      import("../confirm.js"),
      import("../actions/tenant-data.js"),
      import("../../tenants/index.js"),
    ]);
    const application = await loadApplication(context);
    const pw = await application.partywall();
    const record = await data.findTenantOrDeleted(pw, args[0]!);
    const { slug, name } = record;
    const dryRun = flags["dry-run"];
    if (!dryRun) {
      await confirmDestruction(context, {
        slug,
        consequence: `${doomedText(record)} of ${name} (${slug}) will be deleted for good.`,
        confirm: flags.confirm,
        yes: flags.yes,
      });
    }
    if (!dryRun) await assertSettled(context, application, record, flags.url);
    const { premises, database } = await openPremises(context, application, record, flags);
    const columns = flags["scan-column"];
    const reporter = dataReporter(context);
    try {
      const tenantColumn = application.config.tenantColumn;
      const report = await tenants.eraseTenant(premises, {
        record,
        confirm: slug,
        dryRun,
        batchRows: flags["batch-rows"],
        ...(!dryRun && database && { database: await database() }),
        columns: columns.includes("all") ? "all" : columns,
        ...(tenantColumn === undefined ? {} : { tenantColumn }),
        signal: context.signal,
        onProgress: reporter.tell,
      });
      reporter.finish();
      context.show(report, () => lines(report, context));
      return exitCode(report);
    } finally {
      reporter.finish();
    }
  },
});

const exitCode = ({ dryRun, clean }: EraseReport): ExitCode => (dryRun || clean ? 0 : 1);

function doomedText({ placement: { strategy, name = "" } }: TenantRecord): string {
  return strategy === "row" ? "All rows" : `The ${strategy} ${name}, with all rows,`;
}

function lines(
  { removed, dropped, strategy, dryRun, scan }: EraseReport,
  { paint }: Context,
): string[] {
  const own = dropped.map((name) => `${strategy} ${name} ${dryRun ? "would be " : ""}dropped`);
  if (scan === undefined) return [...rowLines(removed, dryRun ? "would go" : "deleted"), ...own];
  return [
    ...rowLines(removed, "deleted"),
    ...own,
    ...scan.found.map(
      ({ table, column, rows }) => `${paint("red", "left")}  ${table}.${column}  ${rows}`,
    ),
    ...scan.unseen.map(({ table, why }) => `${paint("yellow", "unseen")}  ${table}: ${why}`),
    scan.clean
      ? `Nothing is left: ${scan.scanned.length} columns were searched for the id.`
      : "Something is left, or could not be looked into.",
  ];
}
