import type { ClientKind } from "./clients.js";
import { versionOf, type Detection, type Survey } from "./detect.js";
import { TITLES, type Driver, type Framework, type Orm } from "./names.js";
import type { ManualStep } from "./workbench.js";

/** What this version does not do for a project. */
export interface Limit {
  readonly text: string;
  /** Whether nothing of it can be guarded. */
  readonly isFatal: boolean;
}

const GUARDED = "pw.postgres.pool";
const ONE_WIRE = "This version guards PostgreSQL 15 or later, through pg.";

const OTHER_DRIVERS: Readonly<Record<Exclude<Driver, "pg">, string>> = {
  "postgres.js":
    "init does not wire postgres.js beneath an ORM. With Drizzle: guardDrizzle(pw.postgres, drizzle({ client: guardPostgresJs(pw.postgres, postgres) })), of partywall/adapters/drizzle and partywall/adapters/postgres-js; or drizzle-orm/node-postgres over pw.postgres.pool, which costs less.",
  neon: `Neon's serverless driver cannot be guarded. ${ONE_WIRE} Neon takes connections of pg too.`,
  mysql2: `MySQL and MariaDB are not supported. ${ONE_WIRE}`,
  mongodb: `MongoDB is not supported. ${ONE_WIRE}`,
  sqlite: `SQLite is not supported. ${ONE_WIRE}`,
};

/** How each ORM takes the guard; absent where it cannot. */
const LINES: Readonly<Partial<Record<Orm, string>>> = {
  drizzle: `guardDrizzle(pw.postgres, drizzle({ client: ${GUARDED} }))`,
  kysely: `new Kysely({ dialect: new PostgresDialect({ pool: ${GUARDED} }) })`,
  knex: 'guardKnex(pw.postgres, knex({ client: "pg" }))',
  objection: 'Model.knex(guardKnex(pw.postgres, knex({ client: "pg" })))',
  lucid: "guardLucid(pw.postgres, db)",
  typeorm:
    'guardTypeorm(pw.postgres, new DataSource({ type: "postgres", url: process.env.PARTYWALL_APP_URL, driver: pw.postgres.driver, … }))',
  sequelize:
    'guardSequelize(pw.postgres, new Sequelize(process.env.PARTYWALL_APP_URL, { dialect: "postgres", dialectModule: pw.postgres.driver }))',
  "mikro-orm": "MikroORM.init(guardMikroOrm(pw.postgres, options))",
  prisma: `guardPrisma(pw.postgres, new PrismaClient({ adapter: new PrismaPg(${GUARDED}) }))`,
  none: `${GUARDED}.query(…)`,
};

/** Where the functions of these lines come from. */
const ADAPTERS: Readonly<Partial<Record<Orm, string>>> = {
  drizzle: "drizzle",
  knex: "knex",
  objection: "knex",
  lucid: "lucid",
  typeorm: "typeorm",
  sequelize: "sequelize",
  "mikro-orm": "mikro-orm",
  prisma: "prisma",
};

/** Whether an application asks postgres.js itself, without an ORM. */
const isPostgresJs = ({ orm, driver }: Detection): boolean =>
  orm.value === "none" && driver.value === "postgres.js";

/** What constructs the clients of an application, among {@link ClientKind}. */
export function kindOfClient(detection: Detection): ClientKind {
  const orm = detection.orm.value!;
  if (orm === "none") return isPostgresJs(detection) ? "postgres.js" : "pg.Pool";
  // Objection is given an instance of Knex.
  return orm === "objection" ? "knex" : orm;
}

/** The line that gives a client the guard, and where its function comes from. */
export function lineFor(detection: Detection): string {
  const orm = detection.orm.value!;
  const [line = "", file] = isPostgresJs(detection)
    ? ["guardPostgresJs(pw.postgres, postgres)", "postgres-js"]
    : [LINES[orm], ADAPTERS[orm]];
  return file === undefined ? line : `${line} // of partywall/adapters/${file}`;
}

const ORM_LIMITS: Readonly<Partial<Record<Orm, string>>> = {
  lucid:
    "Lucid makes its connections where no edit of the source reaches, so its line is yours to write: in boot() of a provider, before the first query.",
};

const FRAMEWORK_LIMITS: Readonly<Partial<Record<Framework, string>>> = {
  next: "Its components and pages may run outside the scope of their layout.",
};

/** What this version does not do for a project. */
export function limitsOf({ detection, manifest }: Survey): Limit[] {
  const { folder } = detection;
  const framework = detection.framework.value!;
  const orm = detection.orm.value!;
  const driver = detection.driver.value;
  if (driver !== undefined && driver !== "pg" && !isPostgresJs(detection)) {
    return [{ text: OTHER_DRIVERS[driver], isFatal: true }];
  }
  const ormLimit = ORM_LIMITS[orm];
  const express = versionOf(folder, manifest, "express");
  const isOld = framework === "express" && express !== undefined && express[0] < 5;
  return [
    ...(ormLimit === undefined ? [] : [{ text: ormLimit, isFatal: false }]),
    ...(isOld
      ? [
          {
            text: `Express ${express[0]} is not supported by this version: its middleware is for Express 5.`,
            isFatal: false,
          },
        ]
      : []),
    ...(framework === "express"
      ? []
      : [
          {
            text: `${framework === "node" ? "No web framework was found" : `${TITLES[framework]} is not supported by this version`}, so no request finds its tenant by itself. ${FRAMEWORK_LIMITS[framework] ?? ""}`.trim(),
            isFatal: false,
          },
        ]),
  ];
}

/** Whether `init` changes the application's own files. */
export function isWirable(survey: Survey): boolean {
  const orm = survey.detection.orm.value!;
  return isExpress5(survey) && LINES[orm] !== undefined && ORM_LIMITS[orm] === undefined;
}

function isExpress5({ detection, manifest }: Survey): boolean {
  const version = versionOf(detection.folder, manifest, "express");
  return detection.framework.value === "express" && (version === undefined || version[0] >= 5);
}

/** The line that gives a client the guard, for a person to write. */
export function clientByHand(detection: Detection, why: string): ManualStep[] {
  const after = lineFor(detection);
  return after === "" ? [] : [{ why, after }];
}

/** What to write where this version wires nothing. */
export function wiringByHand(survey: Survey): ManualStep[] {
  const { detection } = survey;
  const { clients } = detection;
  const kind = kindOfClient(detection);
  const places = clients.filter(
    (client) => client.kind === kind && client.purpose === "application",
  );
  const why = "this version does not edit such an application";
  const after = lineFor(detection);
  const steps: ManualStep[] =
    after === ""
      ? []
      : places.length === 0
        ? [{ why, after }]
        : places.map(({ path, line, text }) => ({ path, line, why, before: `${text}…)`, after }));
  return [
    ...steps,
    {
      why: "each request has to run in its tenant's scope",
      after: isExpress5(survey)
        ? "app.use(tenancy(pw, { resolve, authorize })); // of partywall/frameworks/express, before the first route"
        : "await pw.run({ slug }, () => handle(request)); // after making sure that whoever asks belongs to that tenant",
    },
    {
      why: "the application must not serve where the wall does not stand",
      after: "await pw.ready(); // before it listens",
    },
  ];
}
