import type { Detection, Survey } from "./detect.js";
import type { Secrets } from "./env-files.js";
import { VARIABLES } from "./environment.js";
import type { Roles } from "./roles.js";

/** Something to do after `init`, and the command for it. */
export interface NextStep {
  readonly what: string;
  readonly command?: string;
}

const RUN: Readonly<Record<Detection["packageManager"], string>> = {
  npm: "npx partywall",
  pnpm: "pnpm exec partywall",
  yarn: "yarn partywall",
  bun: "bunx partywall",
};
const ADD: Readonly<Record<Detection["packageManager"], string>> = {
  npm: "npm install",
  pnpm: "pnpm add",
  yarn: "yarn add",
  bun: "bun add",
};

/** What remains to be done, in its order. */
export function nextSteps(what: {
  readonly survey: Survey;
  readonly roles: Roles;
  readonly secrets: Secrets | undefined;
  /** The variables that `.env` had before; undefined where it is not there. */
  readonly known: Readonly<Record<string, string | undefined>> | undefined;
  readonly open: boolean;
  readonly dotenv: boolean;
  /** The file that says who may enter. */
  readonly tenancy: string | undefined;
}): NextStep[] {
  const { survey, roles, secrets, known, open, dotenv, tenancy } = what;
  const { packageManager } = survey.detection;
  const { dependencies } = survey.manifest;
  const missing = ["partywall", "pg"].filter((name) => !dependencies.has(name));
  // dotenv reads it by itself.
  const isNamed = !dotenv && (known !== undefined || secrets !== undefined);
  const run = (words: string): string =>
    `${RUN[packageManager]} ${words}${isNamed ? " --env .env" : ""}`;
  const superuser = `PARTYWALL_DATABASE_URL=${quoted(roles.superuser)}`;
  const lacks = (variable: string): boolean =>
    !known?.[variable] && secrets?.variables.includes(variable) !== true;
  const { app, system, registry } = roles.names;
  const schemaFiles = drizzleSchema(survey);
  return [
    ...(missing.length === 0
      ? []
      : [
          {
            what: "Install what is imported",
            command: `${ADD[packageManager]} ${missing.join(" ")}`,
          },
        ]),
    ...(lacks(VARIABLES.secret)
      ? [
          {
            what: `Set ${VARIABLES.secret}; it was not generated, because Git would take .env into the repository. Have .env ignored first`,
            command: `node -p "'${VARIABLES.secret}=' + require('node:crypto').randomBytes(32).toString('base64url')"`,
          },
        ]
      : []),
    ...([VARIABLES.app, VARIABLES.system, VARIABLES.registry].some(lacks)
      ? [
          {
            what: `Set ${VARIABLES.app}, ${VARIABLES.system} and ${VARIABLES.registry}: the database's address with the logins ${app}, ${system} and ${registry} and a password each, which the next step takes from PARTYWALL_APP_PASSWORD, PARTYWALL_SYSTEM_PASSWORD and PARTYWALL_REGISTRY_PASSWORD, or makes up with --passwords <file>`,
          },
        ]
      : []),
    {
      what: "Create the logins, as a superuser of the server (the address here is a guess)",
      command: `${superuser} ${run(`logins --database ${quoted(roles.database ?? "DATABASE")} --apply`)}`,
    },
    {
      what: "See how the tables get behind the wall, and say in the configuration which are shared or unmanaged",
      command: `${superuser} ${run("adopt plan")}`,
    },
    {
      what: "Put them there, and register the tenant that the present rows belong to, under a slug and a name of your choice; it may be stopped and run again",
      command: `${superuser} ${run("adopt run --slug first --name First")}`,
    },
    ...(schemaFiles.length === 0
      ? []
      : [
          {
            what: "Bring Drizzle's schema in line with the tables, so that its next migration is empty",
            command: `${superuser} ${run(`adopt schema ${schemaFiles.map((file) => `--file ${quoted(file)}`).join(" ")} --apply`)}`,
          },
        ]),
    {
      what: "Prove that nothing leads around the wall",
      command: `${superuser} ${run("audit")}`,
    },
    ...(tenancy === undefined || open
      ? []
      : [{ what: `Say in ${tenancy} who may enter a tenant. Until then every request gets 404` }]),
    ...(tenancy !== undefined && open
      ? [
          {
            what: `Whoever visits a tenant's address enters it (${tenancy}). Give it \`authorize\` before anything behind it is private`,
          },
        ]
      : []),
  ];
}

/** A word as a POSIX shell takes it. */
function quoted(word: string): string {
  return /^[\w./:@%-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The files that describe tables to Drizzle. */
function drizzleSchema({ detection, files }: Survey): string[] {
  if (detection.orm.value !== "drizzle") return [];
  return files.paths.filter((path) => {
    const text = files.text(path);
    return /["']drizzle-orm\/pg-core["']/.test(text) && /\bpgTable\b|\bpgSchema\b/.test(text);
  });
}
