import { PartywallError } from "../errors.js";

/** The slice of the `pg` package that the registry calls. */
export interface PgModule {
  readonly Pool: new (config: Record<string, unknown>) => PgPool;
  readonly Client: new (config: Record<string, unknown>) => PgClient;
}

/** The slice of `pg.Pool`. */
export interface PgPool {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
  on(event: "error", listener: (error: Error) => void): unknown;
  end(): Promise<void>;
}

/** The slice of `pg.Client`. */
export interface PgClient {
  connect(): Promise<unknown>;
  query(text: string): Promise<unknown>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(
    event: "notification",
    listener: (message: { readonly payload?: string | undefined }) => void,
  ): unknown;
  end(): Promise<void>;
}

/** How to reach the registry's database: the options of `pg`, with the registry's own login. */
export interface PostgresConnection {
  /** For example `postgres://registry@db.example.com/app`. */
  readonly connectionString?: string | undefined;
  /** Every other option of `pg` (`host`, `user`, `ssl` …). */
  readonly [option: string]: unknown;
}

const DEFAULTS = { connectionTimeoutMillis: 5_000, keepAlive: true };

/** The options for `pg`. Throws `PW_CONFIG` when nothing says which database. */
export function connectionConfig(
  connection: PostgresConnection,
  what: string,
): Record<string, unknown> {
  const { connectionString, ...rest } = connection;
  if (connectionString === undefined && rest["host"] === undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      `${what} was given neither connectionString nor host. Pass the address of the registry's database with its own login.`,
    );
  }
  return { ...DEFAULTS, ...rest, ...(connectionString === undefined ? {} : { connectionString }) };
}

/** `PW_REGISTRY_UNAVAILABLE` with the driver's message and code, without address, login or password. */
export function unavailable(error: unknown, connection: PostgresConnection): PartywallError {
  if (error instanceof PartywallError) return error;
  const { message, code } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { message: "", code: "" };
  const cause = Object.assign(
    new Error(redacted(message, connection)),
    typeof code === "string" ? { code } : {},
  );
  return new PartywallError(
    "PW_REGISTRY_UNAVAILABLE",
    "The registry's PostgreSQL database could not answer. Check that it runs, and the registry's address and login. See cause.",
    { cause },
  );
}

function redacted(message: string, connection: PostgresConnection): string {
  let text = message;
  for (const secret of secretsOf(connection)) text = text.replaceAll(secret, "[redacted]");
  // A fragment of an address the driver may have re-encoded.
  return text.replaceAll(/\b[a-z]+:\/\/\S+/gi, "[redacted]");
}

function secretsOf({ connectionString, password }: PostgresConnection): string[] {
  const secrets = [connectionString, password];
  try {
    const url = new URL(connectionString ?? "");
    secrets.push(url.password, decodeURIComponent(url.password));
  } catch {
    // Not an address, so there is no password in it to find; the string itself is redacted whole.
  }
  return secrets.filter((secret): secret is string => typeof secret === "string" && secret !== "");
}

/** A name fit to be written into SQL without quotes. Throws `PW_CONFIG` otherwise. */
export function plainName(name: string, what: string): string {
  if (/^[a-z_][a-z0-9_]{0,49}$/.test(name)) return name;
  throw new PartywallError(
    "PW_CONFIG",
    `${what} must be 1 to 50 lower-case letters, digits or underscores, not starting with a digit.`,
  );
}
