import { defineCommand } from "../command.js";
import { URL_FLAG } from "../connection.js";

/** `partywall adopt schema`. */
export const command = defineCommand({
  name: "adopt schema",
  summary:
    "Brings the ORM's schema files in line with the adopted database, so that its next diff is empty.",
  usage: "[--orm <orm>] [--file <file>]… [--apply]",
  details:
    "Shows the edits of the schema, entities, models or types that --file names as a diff, and makes them with --apply: of Drizzle, Prisma, TypeORM, MikroORM, Sequelize, Kysely, Lucid, Knex and Objection. What cannot be edited safely is left and named.",
  flags: {
    url: URL_FLAG,
    orm: {
      type: "string",
      value: "orm",
      summary: "The ORM; otherwise the one that package.json names.",
      choices: [
        "drizzle",
        "prisma",
        "typeorm",
        "sequelize",
        "mikro-orm",
        "kysely",
        "lucid",
        "knex",
      ],
    },
    file: {
      type: "string",
      value: "file",
      multiple: true,
      summary: "A file of the schema, of entities, models or types, relative to the application.",
    },
    casing: {
      type: "string",
      value: "casing",
      summary: "Of Drizzle: the `casing` of drizzle(), where it has one.",
      choices: ["snake_case", "camelCase"],
    },
    apply: { type: "boolean", summary: "Writes the edits, all of them or none." },
  },
  examples: [
    { line: "adopt schema --orm drizzle --file src/schema.ts", says: "shows the diff" },
    { line: "adopt schema --file prisma/schema.prisma --apply", says: "writes it" },
    {
      line: "adopt schema --orm typeorm --file src/user.entity.ts --file src/order.entity.ts",
      says: "shows the edits of entities",
    },
    {
      line: "adopt schema --file src/models/user.ts --file src/models/order.ts --apply",
      says: "models of several files",
    },
  ],
  async run({ flags, context }) {
    const [{ openSite }, { adoptionStatus, readAdopted }, { editSchema }, { unifiedDiff }, usage] =
      await Promise.all([
        import("../adoption.js"),
        import("../../adopt/index.js"),
        import("../actions/schema-files.js"),
        import("../init/unified-diff.js"),
        import("../usage-error.js"),
      ]);
    const { application, client } = await openSite(context, flags.url);
    const status = await adoptionStatus(client);
    if (status?.state !== "finished") {
      throw new usage.UsageError(
        "No adoption is finished in this database, so there is nothing to bring the schema files in line with. Run `partywall adopt run` first.",
      );
    }
    const edits = await editSchema(await readAdopted(client, status.plan), {
      root: application?.folder ?? context.cwd,
      orm: flags.orm,
      files: flags.file,
      casing: flags.casing,
      apply: flags.apply,
    });
    context.product(edits, () => edits.changes.flatMap((change) => unifiedDiff(change)));
    for (const { path, line, object, text } of edits.notes) {
      context.note(`${path === undefined ? "" : `${path}:${line ?? 1} `}${object}: ${text}`);
    }
    if (edits.changes.length === 0) context.note("No schema file needs an edit.");
    else if (!flags.apply) context.note("Nothing was written; --apply writes it.");
    return 0;
  },
});
