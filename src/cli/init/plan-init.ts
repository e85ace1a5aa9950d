import { randomUUID } from "node:crypto";
import { UsageError } from "../usage-error.js";
import type { FileChange } from "./apply-changes.js";
import { purposeOf } from "./clients.js";
import { surveyProject, type Detection, type Overrides, type Survey } from "./detect.js";
import {
  databaseAddress,
  exampleChange,
  readEnvFile,
  secretsFor,
  type Secrets,
} from "./env-files.js";
import { isGitIgnored } from "./git.js";
import { isWirable, limitsOf, wiringByHand } from "./limits.js";
import { TITLES } from "./names.js";
import { configFile, entryFile, tenancyFile, type Writing } from "./new-files.js";
import { nextSteps, type NextStep } from "./next-steps.js";
import { noticesOf } from "./notices.js";
import { placesIn } from "./places.js";
import { rolesFor, type Roles } from "./roles.js";
import { styleOf } from "./style.js";
import { wireClient } from "./wire-client.js";
import { MIDDLEWARE, wireExpress } from "./wire-express.js";
import { wireReady } from "./wire-ready.js";
import { Workbench, type ManualStep } from "./workbench.js";

/** What is asked of `init`. */
export interface InitRequest extends Overrides {
  /** The file that constructs the client to wire, where several do. */
  readonly client?: string | undefined;
  /** Whether everybody may enter the tenant whose address is visited. */
  readonly open: boolean;
  /** Where the database's address is looked for, beside `.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What `init` would do to a project. */
export interface InitPlan {
  readonly detection: Detection;
  /** `initialised`: it has been done. `unsupported`: this version can guard nothing here. */
  readonly state: "planned" | "initialised" | "unsupported";
  readonly changes: readonly FileChange[];
  /** What is generated into `.env`; undefined where it lacks nothing, or might be published. */
  readonly secrets: Secrets | undefined;
  /** The database and the roles that the configuration names; undefined where nothing is planned. */
  readonly roles: Roles | undefined;
  readonly manual: readonly ManualStep[];
  readonly notices: readonly string[];
  readonly next: readonly NextStep[];
}

/**
 * Works out what `init` would do, and does none of it. Throws {@link UsageError} where the folder is no application, or
 * it is not plain what the application is made of.
 */
export async function planInit(folder: string, request: InitRequest): Promise<InitPlan> {
  const survey = await surveyProject(folder, request);
  const { detection } = survey;
  const nothing = {
    changes: [],
    secrets: undefined,
    roles: undefined,
    manual: [],
    notices: [],
    next: [],
  };
  if (detection.config !== undefined) return { ...nothing, detection, state: "initialised" };
  assertPlain(detection);
  assertNoInstance(survey);
  const limits = limitsOf(survey);
  const notices = limits.map(({ text }) => text);
  if (limits.some(({ isFatal }) => isFatal)) {
    return { ...nothing, detection, state: "unsupported", notices };
  }
  return { ...planned(survey, request, notices), detection, state: "planned" };
}

function assertPlain({ framework, orm, driver }: Detection): void {
  for (const [flag, what, { value, candidates }] of [
    ["--framework", "web framework", framework],
    ["--orm", "ORM", orm],
    ["--driver", "database driver", driver],
  ] as const) {
    if (value !== undefined || candidates.length === 0) continue;
    throw new UsageError(
      `It is not plain which ${what} the application uses: ${candidates.map((one) => TITLES[one]).join(" or ")}. Add ${candidates.map((one) => `${flag} ${one}`).join(" or ")}.`,
    );
  }
}

/** An instance that somebody has wired already is not given a second one beside it. */
function assertNoInstance({ files }: Survey): void {
  const path = files.paths.find(
    (one) => purposeOf(one) === "application" && /\bcreatePartywall\s*\(/.test(files.text(one)),
  );
  if (path === undefined) return;
  throw new UsageError(
    `${path} creates a Partywall instance already, so there is nothing to wire. Add a partywall.config.ts: export default { entry: "./${path}" };`,
  );
}

function planned(
  survey: Survey,
  request: InitRequest,
  limits: readonly string[],
): Omit<InitPlan, "detection" | "state"> {
  const { detection, modules } = survey;
  const { folder } = detection;
  const place = placesIn(survey);
  const bench = new Workbench({ ...survey, entry: place("partywall", "pw") });
  const writing = writingOf(survey);
  const created = new Map<string, string>();
  const tenancy = isWirable(survey) ? place("tenancy", "partywall-tenancy") : undefined;

  if (tenancy !== undefined) wireClient(bench, { detection, named: request.client });
  if (tenancy === undefined) {
    bench.manual.push(...wiringByHand(survey));
  } else {
    const health = wireApplication(bench, tenancy);
    const options = { path: tenancy, entry: bench.entry, open: request.open, health };
    created.set(tenancy, tenancyFile(writing, options));
  }

  const variable = bench.formerVariable ?? "DATABASE_URL";
  const known = readEnvFile(folder);
  const address = databaseAddress(known?.[variable] ?? request.env[variable]);
  const roles = rolesFor(detection.name, address);
  const tenant = randomUUID();
  created.set(bench.entry, entryFile(writing, bench.poolOptions));
  created.set(
    `partywall.config.${modules.typescript ? "ts" : modules.system === "esm" ? "js" : "mjs"}`,
    configFile(writing, {
      entry: bench.entry,
      migrations: detection.migrations,
      roles: { ...roles.names },
      variable,
      tenant,
    }),
  );
  const example = exampleChange(folder, tenancy !== undefined);
  const secrets = isGitIgnored(folder, ".env")
    ? secretsFor(folder, { variable, roles: roles.names })
    : undefined;
  const { open } = request;
  return {
    changes: [
      ...[...created].map(([path, after]) => ({ path, before: undefined, after })),
      ...bench.edited(),
      ...(example ? [example] : []),
    ].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    secrets,
    roles,
    manual: bench.manual,
    notices: [...limits, ...bench.notices, ...noticesOf(bench, survey), ...origins(bench, created)],
    next: nextSteps({
      survey,
      roles,
      secrets,
      known,
      open,
      dotenv: writing.dotenv,
      tenancy,
    }),
  };
}

/** Where the names come from that are in what is left to a person. */
function origins({ manual }: Workbench, created: ReadonlyMap<string, string>): string[] {
  const written = manual.map(({ after }) => after).join("\n");
  return [...created].flatMap(([path, text]) =>
    [...text.matchAll(/^(?:export const |exports\.)(\w+)/gm)]
      .map(([, name]) => name!)
      .filter((name) => new RegExp(`\\b${name}\\b`).test(written))
      .map((name) => `${name} is exported by ${path}.`),
  );
}

/** Puts the tenancy in front of the application's routes; gives those that belong to no tenant. */
function wireApplication(bench: Workbench, tenancy: string): readonly string[] {
  const after = `app.use(${MIDDLEWARE}); // before the first route`;
  const [only, ...others] = bench.clients.filter(
    ({ kind, purpose }) => kind === "express" && purpose === "application",
  );
  if (only === undefined) {
    bench.manual.push({ why: "no place was found that constructs the Express application", after });
    return [];
  }
  if (others.length > 0) {
    for (const { file, node } of [only, ...others]) {
      bench.leave(
        file,
        node,
        "it is one of several applications, and not plain which takes the requests",
        after,
      );
    }
    return [];
  }
  const { isWired, health } = wireExpress(bench, only, tenancy);
  if (isWired) wireReady(bench, only);
  return health;
}

function writingOf({ files, clients, manifest, modules, settings }: Survey): Writing {
  const likeness =
    clients.find(({ purpose }) => purpose === "application")?.file ??
    files.paths.map((path) => files.get(path)).find((file) => file !== undefined);
  return {
    style: likeness ? styleOf(likeness) : { quote: '"', semicolons: true, newline: "\n" },
    modules,
    interop: !modules.typescript || modules.system === "esm" || settings?.esModuleInterop !== false,
    dotenv:
      manifest.dependencies.has("dotenv") &&
      files.paths.some((path) => /["']dotenv(?:\/config)?["']/.test(files.text(path))),
  };
}
