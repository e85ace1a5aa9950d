import { defineCommand } from "../command.js";

/** `partywall tenant migrate`. */
export const command = defineCommand({
  name: "tenant migrate",
  summary: "Runs the application's migrator in the schema or database of tenants.",
  usage: "[--tenant <tenant>]… [--all] [--concurrency <number>] [--canaries <number>]",
  details:
    "Needs the provisioner that the entry exports as homes, with its migrate. Run it again to resume. Tenants in shared tables are passed over. Exit code 1 where a home could not be migrated.",
  flags: {
    tenant: {
      type: "string",
      value: "tenant",
      multiple: true,
      summary: "Slug or id of a tenant to migrate.",
    },
    all: { type: "boolean", summary: "Every tenant that is active or suspended." },
    concurrency: {
      type: "integer",
      value: "number",
      min: 1,
      summary: "How many homes at once; 4 unless told.",
    },
    canaries: {
      type: "integer",
      value: "number",
      min: 0,
      summary:
        "How many homes go first, one by one; where one fails, no further is begun. 1 unless told.",
    },
  },
  examples: [
    { line: "tenant migrate --tenant acme", says: "one tenant" },
    { line: "tenant migrate --all --concurrency 8", says: "all of them" },
  ],
  stopsItself: true,
  async run({ flags, context }) {
    const [{ loadApplication }, { findTenant }, { migrateHomes }, { UsageError }] =
      await Promise.all([
        import("../application.js"),
        import("../actions/tenants.js"),
        import("../actions/homes.js"),
        import("../usage-error.js"),
      ]);
    if (flags.all === flags.tenant.length > 0) {
      throw new UsageError("Name tenants with --tenant, or add --all; one of the two.");
    }
    const application = await loadApplication(context);
    const homes = await application.homes();
    const pw = await application.partywall();
    const tenants = flags.all
      ? pw.tenants.all({ status: ["active", "suspended"] })
      : await Promise.all(flags.tenant.map((word) => findTenant(pw, word)));
    const report = await migrateHomes(homes, tenants, {
      signal: context.signal,
      ...(flags.concurrency !== undefined && { concurrency: flags.concurrency }),
      ...(flags.canaries !== undefined && { canaries: flags.canaries }),
    });
    context.show(report, () => [
      `${report.succeeded} migrated, ${report.failed.length} failed`,
      ...report.failed.map(({ tenantId, why }) => `  ${tenantId}: ${why}`),
    ]);
    return report.failed.length === 0 ? 0 : 1;
  },
});
