import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import type { PoliciesReport, PoliciesRequest } from "../actions/policies.js";
import type { Context } from "../context.js";
import { URL_FLAG } from "../connection.js";
import type { PartywallConfig } from "../define-config.js";
import { UsageError } from "../usage-error.js";

/** `partywall policies`. */
export const command = defineCommand({
  name: "policies",
  summary: "Prints, writes or runs the SQL that puts the tables behind the wall.",
  usage: "[--table <table>]… [--shared <table>]… [--out <file> | --apply] [--url <url>]",
  details:
    "Reads the live catalogue through a login that owns the tables, never the application's. Tables and roles come from the configuration; --table or --shared takes the place of its tables. Where a registry login is named, the SQL ends with the registry's table. Running it again is harmless.",
  flags: {
    table: {
      type: "string",
      value: "table[:column]",
      multiple: true,
      summary: "A table whose rows belong to a tenant, and its tenant column where it is another.",
    },
    shared: {
      type: "string",
      value: "table",
      multiple: true,
      summary: "A table that every scope may read.",
    },
    column: { type: "string", value: "column", summary: "Tenant column; tenant_id unless told." },
    app: { type: "string", value: "role", summary: "The application's login." },
    system: { type: "string", value: "role", summary: "The system login." },
    migrator: { type: "string", value: "role", summary: "The login that owns the tables." },
    registry: { type: "string", value: "role", summary: "The login of postgresStore." },
    owner: {
      type: "string",
      value: "role",
      summary: "The role that owns the wall's functions; partywall_owner unless told.",
    },
    seal: {
      type: "string",
      value: "form",
      choices: ["parameter", "mac"],
      summary: "Form of the seal; the stronger one that the login may build, unless told.",
    },
    out: { type: "string", value: "file", summary: "Writes the SQL to a new file." },
    apply: {
      type: "boolean",
      summary: "Runs the SQL, and reports the rights that could not be taken.",
    },
    url: URL_FLAG,
  },
  examples: [
    { line: "policies", says: "the SQL for the tables of the configuration" },
    {
      line: "policies --table orders --table notes:org_id --app shop_app --system shop_system",
      says: "without a configuration",
    },
    { line: "policies --out migrations/0007_wall.sql", says: "as a migration" },
    { line: "policies --apply", says: "builds the wall on PARTYWALL_DATABASE_URL" },
  ],
  async run({ flags, context }) {
    if (flags.apply && flags.out !== undefined) {
      throw new UsageError(
        "--apply and --out exclude each other. Run the SQL, or write it to a file.",
      );
    }
    const [{ findApplication }, { connect, requiredUrl }, actions] = await Promise.all([
      import("../application.js"),
      import("../connection.js"),
      import("../actions/policies.js"),
    ]);
    const application = await findApplication(context);
    const config = application?.config;
    const tables =
      flags.table.length + flags.shared.length === 0
        ? actions.tablesOf(config?.tables)
        : { tables: flags.table.map(tableFlag), shared: flags.shared };
    const request = requestOf(flags, config, tables);
    const url = requiredUrl(context, flags.url, application);
    const client = await connect(context, application, url);
    if (flags.apply) {
      const report = await actions.applyPolicies(client, request);
      context.show(report, () => applied(report, context));
      return 0;
    }
    const plan = await actions.planPolicies(client, request);
    if (flags.out === undefined) {
      context.product(plan, () => plan.sql.trimEnd());
      return 0;
    }
    const file = writeNew(flags.out, plan.sql, context);
    context.show({ seal: plan.seal, file }, () => `Written to ${file}.`);
    return 0;
  },
});

type Tables = Pick<PoliciesRequest, "tables" | "shared">;

function tableFlag(word: string): { schema: string; name: string; column?: string } {
  const [name = "", column, ...more] = word.split(":");
  const parts = name.split(".");
  if (more.length > 0 || parts.length > 2 || parts.includes("") || column === "") {
    throw new UsageError(
      `--table takes <table>, <schema.table> or <table:column>, not ${JSON.stringify(word)}. Name others in the configuration.`,
    );
  }
  const [schema, table] = parts.length === 2 ? [parts[0]!, parts[1]!] : ["public", parts[0]!];
  return { schema, name: table, ...(column === undefined ? {} : { column }) };
}

function requestOf(
  flags: Readonly<
    Record<"app" | "system" | "migrator" | "registry" | "owner" | "column", string | undefined>
  > & { readonly seal: "parameter" | "mac" | undefined },
  config: PartywallConfig | undefined,
  tables: Tables,
): PoliciesRequest {
  const configured = config?.postgres?.roles;
  const { app = configured?.app, system = configured?.system } = flags;
  const {
    migrator = configured?.migrator,
    registry = configured?.registry,
    owner = configured?.owner,
    column = config?.tenantColumn,
    seal = config?.postgres?.seal,
  } = flags;
  const rollout = config?.postgres?.rollout;
  if (app === undefined || system === undefined) {
    throw new UsageError(
      "The application's and the system login are not named. Add --app <role> and --system <role>, or postgres.roles to the configuration.",
    );
  }
  if (tables.tables.length + (tables.shared?.length ?? 0) === 0) {
    throw new UsageError(
      "No table is named. Add --table <table> for each whose rows belong to a tenant, or tables to the configuration.",
    );
  }
  return {
    ...tables,
    roles: {
      app,
      system,
      ...(migrator === undefined ? {} : { migrator }),
      ...(owner === undefined ? {} : { owner }),
    },
    ...(registry === undefined ? {} : { registry }),
    ...(column === undefined ? {} : { tenantColumn: column }),
    ...(seal === undefined ? {} : { seal }),
    ...(rollout === undefined ? {} : { rollout }),
  };
}

function writeNew(name: string, text: string, context: Context): string {
  const file = resolve(context.cwd, name);
  try {
    writeFileSync(file, text, { flag: "wx" });
  } catch (cause) {
    throw new UsageError(
      (cause as NodeJS.ErrnoException).code === "EEXIST"
        ? `--out names ${file}, which is there already. Name another file.`
        : `--out names ${file}, which cannot be written. Mend the path.`,
      { cause },
    );
  }
  return file;
}

function applied({ seal, missing }: PoliciesReport, { paint }: Context): string[] {
  return [
    `The wall stands, with the ${seal} form of the seal.`,
    ...(missing.length === 0
      ? ["Every right was taken from the application's login."]
      : [
          `${missing.length} rights could not be taken (docs/guides/logins.md):`,
          ...missing.map(
            ({ code, otherwise, superuser }) =>
              `  ${paint("yellow", code)}  ${otherwise}${superuser ? " (a superuser could take it)" : ""}`,
          ),
        ]),
  ];
}
