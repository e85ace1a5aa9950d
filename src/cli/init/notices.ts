import { versionOf, type Survey } from "./detect.js";
import type { Workbench } from "./workbench.js";

// An ORM on a pool or driver of its own is told of where its wiring is left to a person.
const CONNECTS = /^(?:pg\.|drizzle$|kysely$|knex$|postgres\.js$|neon$|mysql2$|mongodb$)/;
const MIGRATES =
  /drizzle-orm\/[\w-]+\/migrator|\.migrate\s*\.\s*(?:latest|up)\s*\(|\bnew\s+Migrator\s*\(/;
const LEDGERS: readonly (readonly [tool: RegExp, tables: string])[] = [
  [/^(?:knex|objection)$/, "knex_migrations and knex_migrations_lock"],
  [/^kysely$/, "kysely_migration and kysely_migration_lock"],
];

/** What a person should know of a project that `init` leaves as it is. */
export function noticesOf(bench: Workbench, survey: Survey): string[] {
  return [
    ...connecting(bench),
    ...migrating(survey),
    ...sessions(survey),
    ...versions(survey),
    ...resolution(survey),
    ...survey.detection.unread.map(
      (path) => `${path} could not be read, so nothing is known of it.`,
    ),
  ];
}

/** Clients that go on connecting by themselves, around the wall. */
function connecting(bench: Workbench): string[] {
  return bench.clients.flatMap((client) => {
    if (client.purpose === "test" || bench.isWired(client) || !CONNECTS.test(client.kind))
      return [];
    const place = `${client.path}:${client.line}: ${client.text}…) keeps a connection of its own`;
    return client.purpose === "tool"
      ? [`${place}. That is right for migrations, with the login that owns the tables.`]
      : [
          `${place}, around the wall. Give it pw.postgres.pool, or let no tenant's data pass through it.`,
        ];
  });
}

function migrating({ detection, files }: Survey): string[] {
  const notices: string[] = [];
  const ledger = LEDGERS.find(([tool]) => tool.test(detection.orm.value ?? ""))?.[1];
  if (ledger !== undefined) {
    notices.push(
      `If ${ledger} are in an adopted schema, name them in the configuration: tables: { …: "unmanaged" }. They belong to no tenant.`,
    );
  }
  for (const path of files.paths) {
    if (/\.config\.|(?:^|\/)(?:scripts?|migrations?|tests?|tools?|bin)\//.test(path)) continue;
    if (!MIGRATES.test(files.text(path))) continue;
    notices.push(
      `${path} migrates the database. Migrations need the login that owns the tables and no scope: give them a pool of their own.`,
    );
  }
  return notices;
}

function sessions({ manifest }: Survey): string[] {
  return manifest.dependencies.has("connect-pg-simple")
    ? [
        "connect-pg-simple reads sessions before any tenant is known. Give it a pool of its own, with a login that sees its table and no other.",
      ]
    : [];
}

function versions({ detection, manifest }: Survey): string[] {
  const pg = versionOf(detection.folder, manifest, "pg");
  return pg !== undefined && (pg[0] < 8 || (pg[0] === 8 && pg[1] < 23))
    ? [`pg ${pg.join(".")} is older than the guard takes. Install pg 8.23 or later.`]
    : [];
}

function resolution({ modules, settings }: Survey): string[] {
  if (!modules.typescript || settings === undefined) return [];
  const { moduleResolution, module } = settings;
  const isBlind =
    moduleResolution === undefined
      ? module === "commonjs"
      : /^(?:node|node10|classic)$/.test(moduleResolution);
  return isBlind
    ? [
        'With these settings TypeScript does not find partywall/guards/postgres, since it does not read "exports" of packages. Set "moduleResolution" to "bundler", or "module" to "nodenext".',
      ]
    : [];
}
