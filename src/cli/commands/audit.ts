import { defineCommand } from "../command.js";
import type { AuditReport, AuditedWire } from "../actions/audit.js";
import type { AuditRequest } from "../actions/audit-request.js";
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
  usage: "[--wire <wire>] [--fail-on <severity>] [--accept <code>]… [--fix]",
  details:
    "Lets the application's instance prove its wall as pw.ready() does, then reads the live catalogue: in a system scope, or through --url; of MongoDB the documents' tenants too. Changes nothing. Ends with 1 where a finding, or what could not be looked at, is at least as bad as --fail-on.",
  flags: {
    wire: {
      type: "string",
      value: "wire",
      choices: ["postgres", "mongodb"],
      summary: "Audits this database only; every one that the application guards unless told.",
    },
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
      summary:
        "Prints the SQL, or JavaScript for mongosh, that mends the findings, as one script, and runs none of it.",
    },
    "catalogue-only": {
      type: "boolean",
      summary:
        "Does not import the application, and so proves nothing; PostgreSQL only, needs --url and the roles.",
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
    { line: "audit --wire mongodb --fix > mend.js", says: "to be read, and run with mongosh" },
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
      mongodb: config?.mongodb,
      accept: flags.accept,
    };
    let report: AuditReport;
    let wires: readonly AuditedWire[] = ["postgres"];
    if (flags["catalogue-only"]) {
      if (flags.wire === "mongodb") {
        throw new UsageError(
          "--catalogue-only reads PostgreSQL's catalogue; MongoDB is audited through the application. Leave --catalogue-only out.",
        );
      }
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
      wires = chosen(actions.auditedWires(pw), flags);
      const url = wires.includes("postgres")
        ? databaseUrl(context, flags.url, application)
        : undefined;
      const client = url === undefined ? undefined : await connect(context, application, url);
      report = await actions.auditApplication(pw, wires, request, client);
    }
    if (flags.fix) {
      context.product(report, () => actions.mendingText(report, wires));
    } else {
      context.show(report, () => reportLines(report, wires, context));
    }
    return actions.failsAt(flags["fail-on"], report) ? 1 : 0;
  },
});

function chosen(
  guarded: readonly AuditedWire[],
  { wire, fix }: { readonly wire: AuditedWire | undefined; readonly fix: boolean },
): readonly AuditedWire[] {
  if (wire !== undefined && !guarded.includes(wire)) {
    throw new UsageError(
      `--wire names ${wire}, but the application guards ${guarded.join(" and ")} only. Leave it out.`,
    );
  }
  if (wire === undefined && fix && guarded.length > 1) {
    throw new UsageError(
      "--fix prints one script, SQL or JavaScript for mongosh, and the application guards both. Add --wire postgres or --wire mongodb.",
    );
  }
  return wire === undefined ? guarded : [wire];
}

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
  report: AuditReport,
  wires: readonly AuditedWire[],
  context: Context,
): string[] {
  const { database, login, proof, findings, mongodb } = report;
  const { paint } = context;
  const blocks = findings.flatMap(({ severity, code, object, why, fix, accepted, ...mends }) => [
    `${paint(COLOURS[severity], severity)}  ${paint("bold", code)}  ${printable(object)}${accepted ? "  (accepted)" : ""}`,
    `  ${printable(why)}`,
    `  Fix: ${printable(fix)}`,
    ...((mends.sql ?? mends.mongosh)?.split("\n") ?? []).map(
      (line) => `    ${paint("dim", printable(line))}`,
    ),
    "",
  ]);
  const unseen = (mongodb?.unseen ?? []).flatMap(({ severity, code, object, why, accepted }) => [
    `${paint(COLOURS[severity], severity)}  ${paint("bold", code)}  ${printable(object)}${accepted ? "  (accepted)" : ""}`,
    `  Could not be looked at: ${printable(why)}.`,
    "",
  ]);
  const own = findings.filter(({ wire }) => wire === undefined);
  const others = findings.filter(({ wire }) => wire === "mongodb");
  return [
    ...blocks,
    ...unseen,
    ...(wires.includes("postgres") ? [summary(database, login, own)] : []),
    ...(mongodb === undefined
      ? []
      : [summary(mongodb.database, mongodb.login, others, mongodb.unseen)]),
    {
      stands: paint("green", "The proof stands."),
      failed: paint("red", "The proof failed."),
      "not run": "The proof was not run.",
    }[proof],
  ];
}

type Counted = readonly { readonly severity: keyof typeof COLOURS; readonly accepted: boolean }[];

function summary(database: string, login: string, findings: Counted, unseen: Counted = []): string {
  const counts = Object.keys(COLOURS).flatMap((severity) => {
    const count = findings.filter((one) => one.severity === severity && !one.accepted).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const known = [...findings, ...unseen].filter(({ accepted }) => accepted).length;
  const dark = unseen.filter(({ accepted }) => !accepted).length;
  return [
    `${printable(database)}${login === "" ? "" : ` as ${printable(login)}`}: ${counts.length === 0 ? "nothing found" : counts.join(", ")}`,
    ...(dark === 0 ? [] : [`${dark} could not be looked at`]),
    ...(known === 0 ? [] : [`${known} accepted`]),
  ]
    .join(", ")
    .concat(".");
}
