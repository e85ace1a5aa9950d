import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PartywallError } from "../errors.js";
import type { SqlClient } from "../guards/postgres/ddl/catalog.js";
import { DEFAULT_SERVER } from "../guards/postgres/place.js";
import type { AdminClient, AdminPg } from "../tenants/postgres/admin.js";
import type { Application } from "./application.js";
import type { Context } from "./context.js";
import type { StringFlag } from "./flags.js";
import { UsageError } from "./usage-error.js";

const VARIABLE = "PARTYWALL_DATABASE_URL";
const CONNECT_TIMEOUT_MS = 15_000;

/** The flag that says which database, and as whom. */
export const URL_FLAG = {
  type: "string",
  value: "url",
  summary: `Database and login to work with (postgres://…); otherwise ${VARIABLE}, then postgres.url of the configuration.`,
} as const satisfies StringFlag;

/** A connection that can be ended before the command ends. */
export interface Connection extends SqlClient {
  /** May be called again. */
  end(): Promise<void>;
}

/** The address to work with, if any was given. Throws {@link UsageError} for one that is not PostgreSQL's. */
export function databaseUrl(
  context: Context,
  flag: string | undefined,
  application: Application | undefined,
): string | undefined {
  const given = [
    ["--url", flag],
    [VARIABLE, context.env[VARIABLE] || undefined],
    ["postgres.url of the configuration", application?.config.postgres?.url],
  ] as const;
  const [name, url] = given.find(([, value]) => value !== undefined) ?? [];
  if (url === undefined) return undefined;
  return checkedUrl(context, name!, url);
}

function checkedUrl(context: Context, name: string, url: string): string {
  context.redactor.addAddress(url);
  if (/^postgres(ql)?:\/\//i.test(url)) return url;
  throw new UsageError(
    `${name} is no address of a PostgreSQL database. Write postgres://login@host:5432/database.`,
  );
}

/** The addresses of the further servers that the configuration names, without those whose address is not set. */
export function furtherUrls(context: Context, application: Application): Record<string, string> {
  const urls = Object.entries(application.config.postgres?.servers ?? {}).flatMap(
    ([server, { url }]) =>
      url === undefined
        ? []
        : [[server, checkedUrl(context, `postgres.servers.${server}.url`, url)] as const],
  );
  return Object.fromEntries(urls);
}

/**
 * The address of the server that a placement names. Throws {@link UsageError} where it is not configured, and for a flag
 * that names the default server's where the placement is on another.
 */
export function serverUrl(
  context: Context,
  flag: string | undefined,
  application: Application,
  { slug, server = DEFAULT_SERVER }: { readonly slug: string; readonly server?: string },
): string {
  if (server === DEFAULT_SERVER) return requiredUrl(context, flag, application);
  // Of the wrong server, it would be told that nothing of the tenant is there.
  if (flag !== undefined) {
    throw new UsageError(
      `--url names a database of the default server, but ${slug} is placed on the server ${server}. Leave it out, and set postgres.servers.${server}.url in the configuration.`,
    );
  }
  const url = furtherUrls(context, application)[server];
  if (url !== undefined) return url;
  throw new UsageError(
    `${slug} is placed on the server ${server}, whose address is not known. Set postgres.servers.${server}.url in the configuration.`,
  );
}

/** The address of another database of the same server. Throws {@link UsageError} where it cannot be taken apart. */
export function urlOfDatabase(address: string, database: string): string {
  if (!URL.canParse(address)) {
    throw new UsageError(
      "The address of the server cannot be read. Write postgres://login@host:5432/database, with what is special in the password percent-encoded.",
    );
  }
  const url = new URL(address);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** The address to work with. Throws {@link UsageError} where none was given. */
export function requiredUrl(
  context: Context,
  flag: string | undefined,
  application: Application | undefined,
): string {
  const url = databaseUrl(context, flag, application);
  if (url !== undefined) return url;
  throw new UsageError(
    `No database was named. Add --url <url>, or set ${VARIABLE}, or postgres.url in the configuration.`,
  );
}

/**
 * Connects with the application's own `pg`; the connection is closed when the command ends. Rejects with `PW_CONFIG`
 * where the package is missing or the database does not answer.
 */
export async function connect(
  context: Context,
  application: Application | undefined,
  url: string,
): Promise<Connection> {
  const pg = await loadPg(application?.folder ?? context.cwd);
  const client = open(pg, url);
  // A connection that breaks is told to whoever waits for its answer; unheard, the event would end the process.
  client.on("error", () => undefined);
  await client.connect().catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  context.defer(() => client.end());
  return client;
}

function open(pg: AdminPg, url: string): AdminClient {
  try {
    return new pg.Client({
      connectionString: url,
      application_name: "partywall",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
  } catch (cause) {
    throw unreachable(url, cause);
  }
}

function unreachable(url: string, cause: unknown): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `The database${placeOf(url)} could not be reached. Check that it runs, and the host, port, login and password of its address.`,
    { cause },
  );
}

function placeOf(url: string): string {
  try {
    const { host, pathname, username } = new URL(url);
    return ` ${decodeURIComponent(pathname.slice(1))} at ${host}, as ${decodeURIComponent(username)},`;
  } catch {
    // Not to be taken apart, so there is no part of it that is surely not the password.
    return "";
  }
}

/** The application's own `pg`, found from its folder. Rejects with `PW_CONFIG` where it is not there. */
export async function loadPg(folder: string): Promise<AdminPg> {
  let file: string;
  try {
    file = createRequire(join(folder, "package.json")).resolve("pg");
  } catch (cause) {
    throw new PartywallError(
      "PW_CONFIG",
      `The package pg was not found from ${folder}. Install it in the application (npm install pg), or name the application's folder with --cwd.`,
      { cause },
    );
  }
  const module = (await import(pathToFileURL(file).href)) as { readonly default: AdminPg };
  return module.default;
}
