import { defineCommand } from "../command.js";
import type { AuditReport, AuditRequest } from "../actions/audit.js";
import type { Colour } from "../colours.js";
import { URL_FLAG } from "../connection.js";
import type { Context } from "../context.js";
import { printable } from "../display-width.js";
import { didYouMean } from "../suggestion.js";
import { UsageError } from "../usage-error.js";

/** `partywall audit`. */
export const command = defineCommand({
  name: "audit",
  summary: "Proves that the wall stands, and names every way around it.",
  usage: "[--fail-on <severity>] [--accept <code>]… [--fix]",
  details:
    "Lets the application's instance prove its wall as pw.ready() does, then reads the live catalogue: in a system scope, or through --url. Changes nothing. Ends with 1 where a finding is at least as bad as --fail-on.",
  flags: {
    "fail-on": {
      type: "string",
      value: "severity",
      choices: ["critical", "high", "medium", "low", "none"],
      default: "high",
      summary: "The mildest finding that ends with exit code 1.",
    },
    accept: {
      type: "string",
      value: "code",
      multiple: true,
      summary: "Findings that are known and may stay: they are listed, and do not count.",
    },
    fix: {
      type: "boolean",
      summary: "Prints the SQL that mends the findings, as one script, and runs none of it.",
    },
    "catalogue-only": {
      type: "boolean",
      summary: "Does not import the application, and so proves nothing; needs --url and the roles.",
    },
    app: {
      type: "string",
      value: "role",
      summary: "With --catalogue-only, the application's login.",
    },
    system: { type: "string", value: "role", summary: "With --catalogue-only, the system login." },
    url: URL_FLAG,
  },
  examples: [
    { line: "audit", says: "in CI: fails on critical and high findings" },
    {
      line: "audit --accept privilege-signal-backends --json",
      says: "where a right cannot be taken on a managed server",
    },
    { line: "audit --fix > mend.sql", says: "to be read, and run by the owner of the tables" },
    {
      line: "audit --catalogue-only --app shop_app --system shop_system",
      says: "without the application, on PARTYWALL_DATABASE_URL",
    },
  ],
  async run({ flags, context }) {
    const [{ findApplication }, { noConfig }, { connect, databaseUrl, requiredUrl }, actions] =
      await Promise.all([
        import("../application.js"),
        import("../config.js"),
        import("../connection.js"),
        import("../actions/audit.js"),
      ]);
    assertKnown(flags.accept, actions.findingCodes());
    if (flags.fix) context.reserveStdout();
    const application = await findApplication(context);
    const config = application?.config;
    const request: AuditRequest = {
      tables: config?.tables,
      tenantColumn: config?.tenantColumn,
      roles: config?.postgres?.roles ?? {},
      accept: flags.accept,
    };
    let report: AuditReport;
    if (flags["catalogue-only"]) {
      const { app = request.roles.app, system = request.roles.system } = flags;
      if (app === undefined || system === undefined) {
        throw new UsageError(
          "--catalogue-only needs to know the logins. Add --app <role> and --system <role>, or postgres.roles to the configuration.",
        );
      }
      const url = requiredUrl(context, flags.url, application);
      const client = await connect(context, application, url);
      report = await actions.auditCatalogue(client, {
        ...request,
        roles: { ...request.roles, app, system },
      });
    } else {
      if (flags.app !== undefined || flags.system !== undefined) {
        throw new UsageError(
          "--app and --system are for --catalogue-only; otherwise the application's own connections tell which logins they use.",
        );
      }
      if (application === undefined) throw noConfig(context.cwd);
      const pw = await application.partywall();
      const url = databaseUrl(context, flags.url, application);
      const client = url === undefined ? undefined : await connect(context, application, url);
      report = await actions.auditApplication(pw, request, client);
    }
    if (flags.fix) {
      context.product(report, () => actions.mendingSql(report));
    } else {
      context.show(report, () => reportLines(report, context));
    }
    return actions.failsAt(flags["fail-on"], report) ? 1 : 0;
  },
});

function assertKnown(codes: readonly string[], known: readonly string[]): void {
  const unknown = codes.find((code) => !known.includes(code));
  if (unknown === undefined) return;
  throw new UsageError(
    `--accept names ${JSON.stringify(unknown)}, which no finding has.${didYouMean(unknown, known)} Codes: ${known.join(", ")}.`,
  );
}

const COLOURS = {
  critical: "red",
  high: "yellow",
  medium: "cyan",
  low: "dim",
} as const satisfies Record<string, Colour>;

function reportLines(
  { database, login, proof, findings }: AuditReport,
  context: Context,
): string[] {
  const { paint } = context;
  const blocks = findings.flatMap(({ severity, code, object, why, fix, sql, accepted }) => [
    `${paint(COLOURS[severity], severity)}  ${paint("bold", code)}  ${printable(object)}${accepted ? "  (accepted)" : ""}`,
    `  ${printable(why)}`,
    `  Fix: ${printable(fix)}`,
    ...(sql?.split("\n") ?? []).map((line) => `    ${paint("dim", printable(line))}`),
    "",
  ]);
  const counts = Object.keys(COLOURS).flatMap((severity) => {
    const count = findings.filter((one) => one.severity === severity && !one.accepted).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const known = findings.filter(({ accepted }) => accepted).length;
  return [
    ...blocks,
    `${printable(database)} as ${printable(login)}: ${counts.length === 0 ? "nothing found" : counts.join(", ")}${known === 0 ? "" : `, ${known} accepted`}.`,
    {
      stands: paint("green", "The proof stands."),
      failed: paint("red", "The proof failed."),
      "not run": "The proof was not run.",
    }[proof],
  ];
}
