import { PartywallError } from "../../errors.js";

/** A query of postgres.js, by what is read and set of it. */
export interface NativeQuery extends Promise<unknown> {
  /** Sends it; called when it is first awaited, or told to run. */
  handler: ((query: NativeQuery) => unknown) & { debug?: unknown };
  readonly strings: readonly string[];
  /** `onexecute` is called when it is sent, and tells whether the connection may send another before the answer. */
  readonly options: { onexecute?: unknown };
  cancelled: unknown;
  canceller: ((query: NativeQuery) => unknown) | null;
  /** What it was sent to; null before. */
  readonly state: unknown;
  /** Set by the connection that sends it. */
  statement: NativeStatement | null;
  reject: (error: unknown) => void;
}

/** What a connection makes of a query. */
export interface NativeStatement {
  readonly string: string;
}

type Callback = (sql: NativeSql) => unknown;

/** `sql` of postgres.js, of a transaction or of a reserved connection, by what is called and set of it. */
export interface NativeSql {
  (first: unknown, ...rest: unknown[]): unknown;
  unsafe: (...parameters: unknown[]) => unknown;
  file: (...parameters: unknown[]) => unknown;
  notify: (channel: string, payload: string) => Promise<unknown>;
  readonly options: {
    readonly max?: number;
    readonly socket?: unknown;
    readonly target_session_attrs?: unknown;
  };
  begin?: (...parameters: [...string[], Callback]) => Promise<unknown>;
  savepoint?: (...parameters: [...string[], Callback]) => Promise<unknown>;
  reserve?: () => Promise<NativeSql>;
  release?: () => void;
  listen?: (...parameters: unknown[]) => Promise<unknown>;
  subscribe?: (...parameters: unknown[]) => Promise<unknown>;
}

/** Whether something that `sql` returned is a query: what is not is an identifier, or a helper. */
export const isQuery = (value: unknown): value is NativeQuery =>
  value instanceof Promise && "handler" in value;

/** The text of a query as far as it is known before it is sent; nested fragments are told as parameters. */
export function textOfQuery({ strings }: NativeQuery): string {
  return strings.reduce((text, part, at) => `${text}$${at}${part}`, "").slice(2);
}

// What says where to connect, or how: that is the guard's to say.
const THE_GUARDS = [
  "host",
  "hostname",
  "port",
  "path",
  "database",
  "db",
  "user",
  "username",
  "pass",
  "password",
  "ssl",
  "sslnegotiation",
  "socket",
  "connection",
  "target_session_attrs",
  "onparameter",
  "publications",
] as const;

/** Options of postgres.js that are the guard's to say. */
export type TheGuards = (typeof THE_GUARDS)[number];

/** Throws `PW_CONFIG` for options that would be passed over. */
export function refuseOptions(options: object): void {
  const given = THE_GUARDS.filter((name) => Reflect.get(options, name) !== undefined);
  if (given.length === 0) return;
  throw new PartywallError(
    "PW_CONFIG",
    `guardPostgresJs() got ${given.map((name) => `\`${name}\``).join(", ")}. Its connections are the guard's, so say it to guardPg(): logins in \`app\`, settings in \`startup\`.`,
  );
}

/** Throws `PW_CONFIG` where this is no postgres.js that the adapter knows. */
export function inspectNative(sql: NativeSql): void {
  const query: unknown = typeof sql?.unsafe === "function" ? sql.unsafe("") : undefined;
  const isKnown =
    isQuery(query) &&
    typeof query.handler === "function" &&
    typeof query.reject === "function" &&
    typeof query.canceller === "function" &&
    query.state === null &&
    query.statement === null &&
    query.strings[0] === "" &&
    typeof sql.options?.socket === "function";
  if (!isKnown) {
    throw new PartywallError(
      "PW_CONFIG",
      'This is not a postgres.js the adapter knows. Pass the default export of postgres 3.4 (`import postgres from "postgres"`), as built for Node.js.',
    );
  }
  if (sql.options.target_session_attrs) {
    throw new PartywallError(
      "PW_CONFIG",
      "PGTARGETSESSIONATTRS is set, which postgres.js would ask of a connection that is not its own. Unset it, and choose the server in guardPg().",
    );
  }
}
