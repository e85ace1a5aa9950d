import { ADOPT_FLAGS } from "../adoption.js";
import { defineCommand } from "../command.js";

/** `partywall adopt write`. */
export const command = defineCommand({
  name: "adopt write",
  summary: "Writes the plan as migrations of the application's own migrator.",
  usage: "[--format <format>] [--out <folder>]",
  details:
    "Plans as `adopt plan` does and writes new files; none is overwritten. On a large database that is in use `adopt run` is the safer way: it tries again where a lock is not had, and resumes.",
  flags: {
    ...ADOPT_FLAGS,
    format: {
      type: "string",
      value: "format",
      summary: "The migrator; otherwise the one that package.json names.",
      choices: [
        "prisma",
        "drizzle",
        "typeorm",
        "mikro-orm",
        "lucid",
        "sequelize",
        "kysely",
        "knex",
        "sql",
      ],
    },
    out: {
      type: "string",
      value: "folder",
      summary:
        "Where the migrator looks; otherwise `migrations` of the configuration, then its own default.",
    },
    name: {
      type: "string",
      value: "name",
      summary: "What the migrations are called.",
      default: "tenancy",
    },
    module: {
      type: "string",
      value: "kind",
      summary: "Kind of the modules that are written, for migrators whose migrations are modules.",
      choices: ["ts", "esm", "cjs"],
    },
  },
  examples: [
    { line: "adopt write --format knex --out migrations", says: "three migrations and more" },
    { line: "adopt write", says: "for the migrator of the package.json" },
  ],
  async run({ flags, context }) {
    const [{ adoptOptions, obstacleLines, openSite }, adopt, { migrationTarget, writeMigrations }] =
      await Promise.all([
        import("../adoption.js"),
        import("../../adopt/index.js"),
        import("../actions/migrations.js"),
      ]);
    const { application, client } = await openSite(context, flags.url);
    const target = migrationTarget({
      folder: application?.folder ?? context.cwd,
      format: flags.format,
      out: flags.out ?? application?.config.migrations,
    });
    const plan = await adopt.planAdoption(client, adoptOptions(flags, application));
    if (plan.obstacles.length > 0) {
      context.show(plan, () => obstacleLines(plan, context));
      context.note("Nothing was written.");
      return 1;
    }
    const written = writeMigrations(plan, target, {
      name: flags.name,
      timestamp: new Date(),
      module: flags.module,
    });
    context.show(written, () => [...written.files, "", ...written.notes]);
    return 0;
  },
});
