import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { FileChange } from "./apply-changes.js";
import { VARIABLES } from "./environment.js";
import { readText } from "./project.js";

const EXAMPLES = [".env.example", ".env.sample", ".env.template", ".env.dist"];

/** What the example of the environment says of each variable. */
const COMMENTS: readonly (readonly [variable: string, comment: string, value: string])[] = [
  [VARIABLES.app, "The application's login: carries every statement of a tenant.", ""],
  [VARIABLES.system, "The login of pw.system(), which also admits tenants.", ""],
  [VARIABLES.registry, "The login that keeps the list of tenants.", ""],
  [
    VARIABLES.secret,
    "Tenants' seals are derived from it: 32 random characters or more; keep it.",
    "",
  ],
  [VARIABLES.domain, "The domain above the tenants: acme at acme.localhost.", "localhost"],
];

/** The change of the file that lists the variables for other people; undefined where it lists them all. */
export function exampleChange(folder: string, withDomain: boolean): FileChange | undefined {
  const path = EXAMPLES.find((name) => existsSync(join(folder, name))) ?? EXAMPLES[0]!;
  const isThere = existsSync(join(folder, path));
  const before = readText(join(folder, path));
  if (isThere && before === undefined) return undefined;
  const known = parseEnv(before ?? "");
  const missing = COMMENTS.filter(
    ([variable]) => !(variable in known) && (withDomain || variable !== VARIABLES.domain),
  );
  if (missing.length === 0) return undefined;
  const lines = missing.flatMap(([variable, comment, value]) => [
    `# ${comment}`,
    `${variable}=${value}`,
  ]);
  return { path, before, after: appended(before, ["# Partywall", ...lines]) };
}

/** What is generated into `.env`. */
export interface Secrets {
  readonly change: FileChange;
  /** The variables that get a value. */
  readonly variables: readonly string[];
  /** Their values, and the passwords in them, which must not be shown. */
  readonly hidden: readonly string[];
}

/** The roles that get a login. */
export interface LoginRoles {
  readonly app: string;
  readonly system: string;
  readonly registry: string;
}

/**
 * What `.env` lacks: the secret, and, where it holds the database's address, the addresses with each login's role and a
 * password of its own, from which `partywall logins` creates them. Undefined where it lacks nothing.
 */
export function secretsFor(
  folder: string,
  options: { readonly variable: string; readonly roles: LoginRoles },
): Secrets | undefined {
  const file = join(folder, ".env");
  const before = readText(file);
  if (before === undefined && existsSync(file)) return undefined;
  const known = parseEnv(before ?? "");
  const entries: [variable: string, value: string][] = [];
  const hidden: string[] = [];
  if (!known[VARIABLES.secret]) {
    const secret = randomBytes(32).toString("base64url");
    hidden.push(secret);
    entries.push([VARIABLES.secret, secret]);
  }
  const address = databaseAddress(known[options.variable]);
  for (const purpose of ["app", "system", "registry"] as const) {
    const named = `PARTYWALL_${purpose.toUpperCase()}_PASSWORD`;
    if (address === undefined || known[VARIABLES[purpose]] || known[named]) continue;
    const password = randomBytes(24).toString("base64url");
    hidden.push(password);
    entries.push([named, password]);
    const own = new URL(address);
    own.username = options.roles[purpose];
    own.password = password;
    entries.push([VARIABLES[purpose], own.href]);
  }
  if (entries.length === 0) return undefined;
  const lines = ["# Partywall", ...entries.map(([name, value]) => `${name}=${value}`)];
  return {
    change: { path: ".env", before, after: appended(before, lines), isPrivate: true },
    variables: entries.map(([name]) => name),
    hidden,
  };
}

/** The address of a PostgreSQL database, if a text is one with a host and a name. */
export function databaseAddress(text: string | undefined): URL | undefined {
  if (text === undefined || !/^postgres(?:ql)?:\/\/[^$]*$/i.test(text) || !URL.canParse(text)) {
    return undefined;
  }
  const url = new URL(text);
  return url.hostname !== "" && url.pathname.length > 1 ? url : undefined;
}

/** The variables of the project's `.env`; undefined where it has none. */
export function readEnvFile(
  folder: string,
): Readonly<Record<string, string | undefined>> | undefined {
  const text = readText(join(folder, ".env"));
  return text === undefined ? undefined : parseEnv(text);
}

function appended(before: string | undefined, lines: readonly string[]): string {
  const newline = before?.includes("\r\n") === true ? "\r\n" : "\n";
  const text = before ?? "";
  const ended = text === "" || text.endsWith("\n") ? text : text + newline;
  return `${ended}${ended === "" ? "" : newline}${lines.join(newline)}${newline}`;
}
