import { PartywallError } from "../errors.js";
import type { PgModule, PostgresGuard } from "../guards/postgres/index.js";
import { Permits, PERMITS, type Permit } from "../guards/postgres/wire/permits.js";
import type { Errand, WireSession } from "../guards/postgres/wire/errand.js";
import { WireSocket } from "../guards/postgres/wire/socket.js";
import { Desk } from "./postgres-js/desk.js";
import { noteGuard } from "./postgres-js/guarded.js";
import {
  inspectNative,
  isQuery,
  refuseOptions,
  textOfQuery,
  type NativeQuery,
  type NativeSql,
  type NativeStatement,
  type TheGuards,
} from "./postgres-js/native.js";

/** The caller's `postgres`, by the slice that is called. `import postgres from "postgres"` fits. */
// oxlint-disable-next-line typescript/no-explicit-any -- a function of the caller's, whatever it takes
export type PostgresJs = (...args: any[]) => unknown;

/** Options of {@link guardPostgresJs}: those of postgres.js, but for where and how to connect. */
export type GuardedPostgresJsOptions<Postgres extends PostgresJs> = Omit<
  NonNullable<Parameters<Postgres>[1]>,
  TheGuards
>;

/**
 * Makes a `sql` of postgres.js whose statements go through the guard: each carries the tenant of the scope that issued
 * it, and one issued outside any scope throws before anything is sent. Its connections are virtual: `max` (default 10) is
 * how many statements and transactions it has under way at once, the guard's pools hold what is connected. Throws
 * `PW_CONFIG` for options that are the guard's to say and for a postgres.js it does not know.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import postgres from "postgres";
 * import { createPartywall } from "partywall";
 * import { guardPostgresJs } from "partywall/adapters/postgres-js";
 * import { guardPg } from "partywall/guards/postgres";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: process.env["DATABASE_URL"], system: process.env["SYSTEM_URL"] }),
 * });
 * const sql = guardPostgresJs(pw.postgres, postgres);
 * await pw.run("acme", () => sql`select * from orders where id = ${7}`);
 * ```
 */
export function guardPostgresJs<Driver extends PgModule, Postgres extends PostgresJs>(
  guard: PostgresGuard<Driver>,
  postgres: Postgres,
  options: GuardedPostgresJsOptions<Postgres> = {} as GuardedPostgresJsOptions<Postgres>,
): ReturnType<Postgres> {
  const permits: unknown = Reflect.get(guard, PERMITS);
  if (!(permits instanceof Permits)) {
    throw new PartywallError(
      "PW_CONFIG",
      "guardPostgresJs() takes the guard that guardPg() made, of the same copy of partywall: pw.postgres.",
    );
  }
  refuseOptions(options);
  const desk = new Desk(permits);
  const native = postgres({
    ...options,
    host: "partywall",
    port: 5432,
    user: "partywall",
    database: "partywall",
    ssl: false,
    // A prepared statement has a name, and whoever is next on its connection could have replaced it.
    prepare: false,
    socket: () => new WireSocket(desk),
  }) as NativeSql;
  inspectNative(native);
  const sql = new Issuing(permits, desk, native.options.max === 1).guarded(native);
  noteGuard(sql, guard);
  return sql as ReturnType<Postgres>;
}

/** Issues what one `sql` is asked, and what those are that it hands on. */
class Issuing {
  readonly #permits: Permits;
  readonly #desk: Desk;
  readonly #isSingle: boolean;

  constructor(permits: Permits, desk: Desk, isSingle: boolean) {
    this.#permits = permits;
    this.#desk = desk;
    this.#isSingle = isSingle;
  }

  // Set on the very object, for its own methods call each other there.
  guarded(native: NativeSql, session?: WireSession): NativeSql {
    const { unsafe, file } = native;
    native.unsafe = (...parameters) => this.#watched(unsafe(...parameters), session);
    native.file = (...parameters) => this.#watched(file(...parameters), session);
    const guarded = new Proxy(native, {
      apply: (sql, _, parameters: Parameters<NativeSql>) =>
        this.#watched(sql(...parameters), session),
    });
    native.notify = async (channel, payload) =>
      guarded.unsafe("select pg_notify($1, $2)", [channel, payload]);
    if (native.begin) native.begin = this.#transaction(native.begin);
    if (native.savepoint) native.savepoint = this.#savepoint(native.savepoint);
    if (native.reserve) native.reserve = this.#reserve(native.reserve);
    if (native.listen) native.listen = refuseToListen;
    if (native.subscribe) native.subscribe = refuseToSubscribe;
    return guarded;
  }

  #transaction(begin: NonNullable<NativeSql["begin"]>): NonNullable<NativeSql["begin"]> {
    return async (...parameters) => {
      const callback = parameters.pop();
      try {
        return await begin(...(parameters as string[]), (sql) =>
          typeof callback === "function" ? callback(this.guarded(sql)) : undefined,
        );
      } catch (error) {
        throw this.#desk.told(error);
      }
    };
  }

  #savepoint(savepoint: NonNullable<NativeSql["savepoint"]>): NonNullable<NativeSql["savepoint"]> {
    const nested = this.#transaction(savepoint);
    return (...parameters) => {
      const [first] = parameters as unknown[];
      // A statement of its own, as a template.
      return Array.isArray((first as { readonly raw?: unknown }).raw)
        ? nested((sql) => sql(...(parameters as unknown as Parameters<NativeSql>)))
        : nested(...parameters);
    };
  }

  #reserve(reserve: NonNullable<NativeSql["reserve"]>): NonNullable<NativeSql["reserve"]> {
    return async () => {
      const session: WireSession = {};
      const reserved = await reserve();
      const { release } = reserved;
      const giveBack = () => {
        session.onIdle = undefined;
        session.isReleased = true;
        session.loan?.giveBack();
        session.loan = undefined;
        release?.();
      };
      reserved.release = () => {
        // A statement may be refused, and its caller told, before the driver has sent the last of it: whoever is next
        // would hear what is answered to that.
        if (session.isBusy === true) session.onIdle = giveBack;
        else giveBack();
      };
      return this.guarded(reserved, session);
    };
  }

  // A query is issued when it is first awaited, which is when postgres.js has it handled.
  #watched(value: unknown, session: WireSession | undefined): unknown {
    if (!isQuery(value)) return value;
    const send = value.handler;
    value.handler = Object.assign((query: NativeQuery) => this.#issue(query, send, session), {
      debug: send.debug,
    });
    return value;
  }

  #issue(
    query: NativeQuery,
    send: NativeQuery["handler"],
    session: WireSession | undefined,
  ): unknown {
    // postgres.js would wait on its connection for an answer to what it does not send.
    if (query.cancelled) return undefined;
    let permit: Permit;
    try {
      permit = this.#permits.issue(textOfQuery(query));
    } catch (error) {
      return query.reject(error);
    }
    const isReserved = session !== undefined || query.options.onexecute !== undefined;
    const errand: Errand = {
      permit,
      session,
      isReserved,
      mayBegin: this.#isSingle || isReserved,
      refuse: (error) => {
        // Before postgres.js does, with what it makes of the server's answer.
        if (error instanceof PartywallError) query.reject(error);
        return undefined;
      },
    };
    markStatement(query, () => this.#desk.mark(errand));
    const { canceller } = query;
    query.canceller = (one) => {
      errand.isCancelled = true;
      if (one.state !== null) return errand.cancel?.();
      canceller?.(one);
      // Its caller was told. Where it waits for a connection to open, postgres.js would keep that connection waiting for
      // ever; so it is sent, and refused on the way.
      one.cancelled = null;
      return undefined;
    };
    // One statement at a time on a connection: what is sent ahead waits behind a slow one, and postgres.js mistakes whose
    // answer it has where one of several is cancelled.
    query.options.onexecute ??= () => false;
    return send(query);
  }
}

/** Has a query sent with a mark before its text, which nobody else gets to see. */
function markStatement(query: NativeQuery, mark: () => string): void {
  let statement: NativeStatement | null = query.statement;
  Reflect.defineProperty(query, "statement", {
    configurable: true,
    enumerable: true,
    get: () => statement,
    set: (built: NativeStatement | null) => {
      statement = built && marked(built, mark);
    },
  });
}

// The first to read the text is the connection, as it sends it.
function marked(statement: NativeStatement, mark: () => string): NativeStatement {
  const text = statement.string;
  let isSent = false;
  return Object.defineProperty(statement, "string", {
    configurable: true,
    enumerable: true,
    get: () => {
      if (isSent) return text;
      isSent = true;
      return mark() + text;
    },
  });
}

const refuseToListen = () =>
  Promise.reject(
    new PartywallError(
      "PW_LISTEN_ON_POOL",
      "sql.listen() shares one connection among all tenants. Listen on a connection of the guard's own: new pw.postgres.Client().",
    ),
  );

const refuseToSubscribe = () =>
  Promise.reject(
    new PartywallError(
      "PW_STATEMENT_REFUSED",
      "sql.subscribe() replicates the changes of all tenants, so nothing was sent. Replicate under a login of its own, outside the application.",
    ),
  );
