import { resolve } from "node:path";
import { defineCommand } from "../command.js";
import type { Context } from "../context.js";
import { URL_FLAG } from "../connection.js";
import type { LoginsReport } from "../actions/logins.js";
import { UsageError } from "../usage-error.js";

/** `partywall logins`. */
export const command = defineCommand({
  name: "logins",
  summary: "Prints, or runs, the SQL that creates the application's logins and its database.",
  usage: "--name <name> [--passwords <file>] [--apply --url <url>]",
  details:
    "Passwords are taken from PARTYWALL_APP_PASSWORD, PARTYWALL_SYSTEM_PASSWORD, PARTYWALL_MIGRATOR_PASSWORD and PARTYWALL_REGISTRY_PASSWORD. Those that are missing are made up where --passwords or --show-passwords says who shall know them; otherwise the login is created without one and cannot log in with a password. The SQL holds SCRAM verifiers, never a password.",
  flags: {
    name: {
      type: "string",
      value: "name",
      summary:
        "Name of the application: the database is called so, and the logins <name>_app, <name>_system, <name>_migrator and <name>_registry.",
    },
    database: {
      type: "string",
      value: "database",
      summary: "Database, where it has another name.",
    },
    app: { type: "string", value: "role", summary: "The application's login, under another name." },
    system: { type: "string", value: "role", summary: "The system login, under another name." },
    migrator: { type: "string", value: "role", summary: "The migrator, under another name." },
    registry: {
      type: "string",
      value: "role",
      summary: "The registry's login, under another name.",
    },
    managed: {
      type: "boolean",
      summary:
        "For a server that somebody else runs, and a login that is no superuser: neither the database nor the migrator is created.",
    },
    "own-database-only": {
      type: "boolean",
      summary:
        "Leaves the databases postgres and template1 open to whoever may connect to them now.",
    },
    passwords: {
      type: "string",
      value: "file",
      summary:
        "Writes the passwords that are made up to a new file (mode 0600), in the form that --env reads.",
    },
    "show-passwords": {
      type: "boolean",
      summary:
        "Prints the passwords that are made up, on standard error (with --json in the data).",
    },
    apply: { type: "boolean", summary: "Runs the SQL. What is there already is left as it is." },
    url: URL_FLAG,
  },
  examples: [
    { line: "logins --name shop", says: "SQL to read, without passwords" },
    {
      line: "logins --name shop --passwords .env.logins --apply",
      says: "creates them as the superuser of PARTYWALL_DATABASE_URL",
    },
  ],
  async run({ flags, context }) {
    const [{ findApplication }, { connect, requiredUrl }, { makeLogins }] = await Promise.all([
      import("../application.js"),
      import("../connection.js"),
      import("../actions/logins.js"),
    ]);
    const application = await findApplication(context);
    const roles = rolesOf(flags, application?.config.postgres?.roles);
    const client = flags.apply
      ? await connect(context, application, requiredUrl(context, flags.url, application))
      : undefined;
    const shown: Record<string, string> = {};
    const report = await makeLogins({
      ...roles,
      managed: flags.managed,
      ownDatabaseOnly: flags["own-database-only"],
      env: context.env,
      generate: flags.passwords !== undefined || flags["show-passwords"],
      ...(flags.passwords === undefined ? {} : { file: resolve(context.cwd, flags.passwords) }),
      ...(client === undefined ? {} : { client }),
      onPassword: (purpose, password, origin) => {
        context.redactor.add(password);
        if (origin === "generated") shown[purpose] = password;
      },
    });
    if (flags["show-passwords"] && context.json) {
      context.reveal({ ...report, passwords: shown }, () => "");
      return 0;
    }
    context.product(report, () =>
      report.created === undefined ? script(report) : outcome(report),
    );
    tellPasswords(report, context);
    if (flags["show-passwords"]) {
      context.reveal(shown, () =>
        Object.entries(shown)
          .map(([purpose, password]) => `${purpose}: ${password}`)
          .join("\n"),
      );
    }
    return 0;
  },
});

interface NameFlags {
  readonly name: string | undefined;
  readonly database: string | undefined;
  readonly app: string | undefined;
  readonly system: string | undefined;
  readonly migrator: string | undefined;
  readonly registry: string | undefined;
}

function rolesOf(
  flags: NameFlags,
  configured: Readonly<Partial<Record<"app" | "system" | "migrator" | "registry", string>>> = {},
): {
  readonly database: string;
  readonly roles: { app: string; system: string; migrator?: string; registry?: string };
} {
  const { name } = flags;
  const named = (purpose: "app" | "system" | "migrator" | "registry"): string | undefined =>
    flags[purpose] ??
    configured[purpose] ??
    (name === undefined ? undefined : `${name}_${purpose}`);
  const [app, system, migrator, registry] = [
    named("app"),
    named("system"),
    named("migrator"),
    named("registry"),
  ];
  const database = flags.database ?? name;
  if (database === undefined || app === undefined || system === undefined) {
    throw new UsageError(
      "It is not said how the database and its logins are called. Add --name <name>, or --database, --app and --system.",
    );
  }
  return {
    database,
    roles: {
      app,
      system,
      ...(migrator === undefined ? {} : { migrator }),
      ...(registry === undefined ? {} : { registry }),
    },
  };
}

function script({ database, statements }: LoginsReport): string[] {
  return [
    `-- The logins of the database ${JSON.stringify(database)}; see docs/guides/logins.md. Passwords are SCRAM verifiers.`,
    ...statements.map((sql) => `${sql};`),
  ];
}

function outcome({ created = [], logins }: LoginsReport): string[] {
  const kept = logins.filter(({ origin }) => origin === "kept").map(({ role }) => role);
  return [
    created.length === 0 ? "Nothing had to be created." : `Created: ${created.join(", ")}.`,
    ...(kept.length === 0 ? [] : [`There already, left as they are: ${kept.join(", ")}.`]),
  ];
}

function tellPasswords({ logins, file }: LoginsReport, context: Context): void {
  const without = logins.filter(({ origin }) => origin === "none").map(({ role }) => role);
  if (file !== undefined) {
    context.note(
      `The passwords are in ${file}. Only you may read it; keep it out of version control.`,
    );
  }
  if (without.length > 0) {
    context.note(
      `Without a password, so that nobody can log in with one yet: ${without.join(", ")}. Add --passwords <file> to have them made up.`,
    );
  }
}
