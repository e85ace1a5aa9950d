import { existsSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { DEFAULT_SERVER } from "../guards/postgres/place.js";
import type { PartywallConfig } from "./define-config.js";
import { causeLine } from "./error-report.js";
import { moduleLoader, type ModuleLoader } from "./module-loader.js";
import { didYouMean } from "./suggestion.js";
import { UsageError } from "./usage-error.js";

/** The file names a configuration may have, in the order in which they are looked for. */
const NAMES = ["ts", "mts", "js", "mjs"].map((ending) => `partywall.config.${ending}`);

const EXAMPLE = 'export default { entry: "./src/tenancy.ts" };';

/** A configuration, where it came from, and what loads the application's modules. */
export interface LoadedConfig {
  readonly file: string;
  /** The folder of the file, from which its paths start. */
  readonly folder: string;
  readonly config: PartywallConfig;
  readonly loader: ModuleLoader;
}

/**
 * Reads the configuration of an application. Undefined where the folder has none and none was named; throws
 * {@link UsageError} for a file that is not there, cannot be read, or says what is not understood.
 */
export async function readConfig(
  folder: string,
  named: string | undefined,
): Promise<LoadedConfig | undefined> {
  const file = named === undefined ? found(folder) : resolve(folder, named);
  if (file === undefined) return undefined;
  if (!existsSync(file)) {
    throw new UsageError(`--config names ${file}, which is not there. Mend the path.`);
  }
  const home = dirname(file);
  const loader = moduleLoader(home);
  const exported = await loader.load(file).catch((cause: unknown) => {
    throw new UsageError(`${file} could not be read: ${causeLine(cause)}. Mend it.`, { cause });
  });
  return { file, folder: home, config: checked(file, exported["default"]), loader };
}

/** The error of a command that cannot do without a configuration. */
export function noConfig(folder: string): UsageError {
  return new UsageError(
    `There is no ${NAMES[0]!} in ${folder}. Create one (${EXAMPLE}), or name another place with --config or --cwd.`,
  );
}

function found(folder: string): string | undefined {
  const files = NAMES.map((name) => join(folder, name)).filter((file) => existsSync(file));
  if (files.length > 1) {
    throw new UsageError(
      `${folder} has more than one configuration: ${files.join(", ")}. Keep one, or name one with --config.`,
    );
  }
  return files[0];
}

type Rule = (value: unknown) => string | undefined;

const isText: Rule = (value) =>
  typeof value === "string" && value !== "" ? undefined : "must be a text that is not empty";
const isFlag: Rule = (value) => (typeof value === "boolean" ? undefined : "must be true or false");
const isTexts: Rule = (value) =>
  Array.isArray(value) && value.every((item) => isText(item) === undefined)
    ? undefined
    : "must be a list of texts";
const isOneOf =
  (...choices: readonly string[]): Rule =>
  (value) =>
    choices.includes(value as string)
      ? undefined
      : `must be ${choices.map((one) => JSON.stringify(one)).join(" or ")}`;

const isKind = isOneOf("tenant", "shared", "unmanaged");
const isMode = isOneOf("observe", "stamp");
const TABLE = {
  kind: isKind,
  column: isText,
  assign: isText,
  keys: isOneOf("id", "composite"),
  writable: isFlag,
};
const ROLES = { app: isText, system: isText, migrator: isText, registry: isText, owner: isText };
const ROLLOUT = {
  until: (value: unknown) => (value instanceof Date ? undefined : isText(value)),
  tables: (value: unknown) =>
    isObject(value) && Object.values(value).every((mode) => isMode(mode) === undefined)
      ? undefined
      : 'must be an object of tables, each "observe" or "stamp"',
};
const POSTGRES = {
  rollout: (value: unknown) => wrong(value, ROLLOUT, ["until", "tables"]),
  roles: (value: unknown) => wrong(value, ROLES, ["app", "system"]),
  url: isText,
  servers: isServers,
  seal: isOneOf("parameter", "mac"),
};
const ADOPT = {
  tenant: isText,
  tenantType: isOneOf("uuid", "bigint", "text"),
  schemas: isTexts,
  otherwise: isKind,
  keys: isOneOf("auto", "id", "composite"),
  acknowledge: isTexts,
};
const END = { collection: isText, path: isText };
const MONGODB = {
  references: isReferences,
  documents: isFlag,
  sample: isCount,
  maxTimeMs: isCount,
};
const CONFIG = {
  entry: isText,
  migrations: isText,
  tables: isTables,
  tenantColumn: isText,
  postgres: (value: unknown) => wrong(value, POSTGRES),
  mongodb: (value: unknown) => wrong(value, MONGODB),
  adopt: (value: unknown) => wrong(value, ADOPT),
};

function isCount(value: unknown): string | undefined {
  return Number.isSafeInteger(value) && Number(value) > 0
    ? undefined
    : "must be a whole number above 0";
}

function isReferences(value: unknown): string | undefined {
  if (!Array.isArray(value)) return "must be a list of references";
  const end: Rule = (one) =>
    typeof one === "string" ? isText(one) : wrong(one, END, ["collection", "path"]);
  for (const [at, reference] of value.entries()) {
    const fault = wrong(reference, { from: end, to: end }, ["from", "to"]);
    if (fault !== undefined) return located(`[${at}]`, fault);
  }
  return undefined;
}

function isTables(value: unknown): string | undefined {
  if (!isObject(value)) return "must be an object of tables";
  for (const [table, choice] of Object.entries(value)) {
    const fault = typeof choice === "string" ? isKind(choice) : wrong(choice, TABLE, ["kind"]);
    if (fault !== undefined) return located(`[${JSON.stringify(table)}]`, fault);
  }
  return undefined;
}

function isServers(value: unknown): string | undefined {
  if (!isObject(value)) return "must be an object of servers";
  for (const [server, item] of Object.entries(value)) {
    if (server === DEFAULT_SERVER)
      return ".default is what postgres.url says; name further servers only.";
    const fault = wrong(item, { url: isText });
    if (fault !== undefined) return located(`.${server}`, fault);
  }
  return undefined;
}

/** What is wrong with an object of known keys, beginning with the path to it. Undefined values count as absent. */
function wrong(
  value: unknown,
  rules: Readonly<Record<string, Rule>>,
  required: readonly string[] = [],
): string | undefined {
  if (!isObject(value)) return "must be an object";
  for (const [key, item] of Object.entries(value)) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) {
      return located(`.${key}`, `is not known.${didYouMean(key, Object.keys(rules))}`);
    }
    const fault = item === undefined ? undefined : rule(item);
    if (fault !== undefined) return located(`.${key}`, fault);
  }
  const missing = required.find((key) => value[key] === undefined);
  return missing === undefined ? undefined : located(`.${missing}`, "is missing");
}

// A fault that already has a path begins with it.
function located(path: string, fault: string): string {
  return /^[.[]/.test(fault) ? `${path}${fault}` : `${path} ${fault}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checked(file: string, exported: unknown): PartywallConfig {
  if (!isObject(exported)) {
    throw new UsageError(`${file} has no default export that is an object. Write: ${EXAMPLE}`);
  }
  const fault = wrong(exported, CONFIG, ["entry"]);
  if (fault !== undefined) {
    const path = fault.startsWith(".") ? fault.slice(1) : fault;
    throw new UsageError(`${file}: ${path}${/[.?]$/.test(path) ? "" : "."} Mend it there.`);
  }
  return exported as unknown as PartywallConfig;
}

/** A path of the configuration as an absolute one. */
export function pathIn({ folder }: Pick<LoadedConfig, "folder">, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}
