import type { Readable } from "node:stream";
import { PartywallError } from "../errors.js";
import type { PgModule, PostgresGuard } from "../guards/postgres/index.js";

/**
 * A Knex instance, by what {@link guardKnex} needs of it. What the `knex` package gives fits.
 *
 * @example
 * ```ts
 * import knex from "knex";
 * import type { KnexInstance } from "partywall/adapters/knex";
 *
 * const instance: KnexInstance = knex({ client: "pg" });
 * console.log(typeof instance.client);
 * ```
 */
export interface KnexInstance {
  /** Knex's client of a dialect; its own type says no more of it. */
  readonly client: unknown;
}

/** What a query is sent on. */
interface Connection {
  query(config: unknown, values?: unknown, callback?: unknown): unknown;
}

/** A connection of the guard's pool. */
interface Lent extends Connection {
  release(destroy: unknown): void;
  cancel(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  /** Whether Knex or the server has given it up. */
  __knex__disposed?: unknown;
  __knexUid?: string;
}

/** Knex's client, by what is exchanged of it. */
interface KnexClient {
  readonly config: {
    readonly acquireConnectionTimeout?: number;
    readonly connectionPool?: unknown;
    readonly pool?: { readonly afterCreate?: unknown; readonly validate?: unknown };
    readonly searchPath?: unknown;
  };
  readonly driverName?: string;
  readonly transacting?: boolean;
  driver: unknown;
  pool: unknown;
  _ownsPool?: boolean;
  query(connection: Connection, query: unknown): Promise<unknown>;
  stream(
    connection: Connection,
    query: unknown,
    stream: Readable,
    options: unknown,
  ): Promise<unknown>;
  _query(connection: Connection, query: unknown): Promise<unknown>;
  transaction(...of: readonly unknown[]): KnexTransaction;
}

interface KnexTransaction {
  begin(connection: Connection): Promise<unknown>;
  savepoint(connection: Connection): Promise<unknown>;
  isCompleted(): boolean;
}

type KnexClientClass = new (config?: unknown) => KnexClient;

// Knex's own default.
const ACQUIRE_MS = 60_000;

/**
 * Puts a Knex instance over the guard and gives it back: from then on it takes every connection from `guard.pool`, so
 * its own `connection` and `pool` are not used. To be called where the instance is made, before its first query. Throws
 * `PW_CONFIG` for an instance that is no PostgreSQL one over `pg`, was used before, or has settings that only a pool of
 * its own could keep (`afterCreate`, `validate`, `searchPath`), and `PW_GUARD_BYPASSED` for one with another
 * `connectionPool`.
 *
 * @example
 * ```ts
 * import knex from "knex";
 * import { createPartywall } from "partywall";
 * import { guardKnex } from "partywall/adapters/knex";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: process.env["APP_URL"], system: process.env["SYSTEM_URL"] }),
 * });
 * const db = guardKnex(pw.postgres, knex({ client: "pg" }));
 * await pw.run("acme", () => db("orders").where({ paid: false }));
 * ```
 */
export function guardKnex<Instance extends KnexInstance>(
  guard: PostgresGuard<PgModule>,
  knex: Instance,
): Instance {
  const client = knex.client as KnexClient;
  if (client?.pool instanceof GuardedKnexPool && client.pool.guard === guard) return knex;
  assertExchangeable(client, guard);
  const pool = new GuardedKnexPool(guard, client.config.acquireConnectionTimeout ?? ACQUIRE_MS);
  const Base = client.constructor as KnexClientClass;
  // Transactions and copies of an instance are made from the prototype of its client.
  Object.setPrototypeOf(client, guardedClientClass(Base, guard, pool).prototype as object);
  client.driver = guard.driver;
  client.pool = pool;
  client._ownsPool = false;
  return knex;
}

function assertExchangeable(client: KnexClient, guard: PostgresGuard<PgModule>): void {
  if (typeof client?._query !== "function" || typeof client.stream !== "function") {
    throw refused(
      'something that is no Knex instance with a dialect. Pass what knex({ client: "pg" }) returns',
    );
  }
  if (client.driverName !== "pg") {
    throw refused(
      `a Knex instance of the dialect ${client.driverName ?? "of no driver"}, and guards PostgreSQL through pg. Construct it with { client: "pg" }`,
    );
  }
  if (client.transacting === true) {
    throw refused("a transaction. Pass the instance that it was begun on");
  }
  const { connectionPool, pool, searchPath } = client.config;
  if (connectionPool !== undefined && connectionPool !== guard.pool) {
    throw new PartywallError(
      "PW_GUARD_BYPASSED",
      "guardKnex() got a Knex instance with a `connectionPool` that is not this guard's, whose connections put no tenant on anything. Leave `connectionPool` out.",
    );
  }
  if (client.pool instanceof GuardedKnexPool) {
    throw refused("a Knex instance that is over another guard. Construct one for each");
  }
  if (wasUsed(client.pool)) {
    throw refused(
      "a Knex instance that has connections of its own already. Call it where the instance is made, before the first query",
    );
  }
  const lost = [
    ...(["afterCreate", "validate"] as const)
      .filter((name) => pool?.[name] !== undefined)
      .map((name) => `pool.${name}`),
    ...(searchPath === undefined ? [] : ["searchPath"]),
  ];
  if (lost.length > 0) {
    throw refused(
      `a Knex instance with ${lost.join(" and ")}, which would have no effect: its connections are the guard's. Put settings of the session into \`startup\` of guardPg(), schemas behind a tenant's own into \`sharedSchemas\``,
    );
  }
}

const refused = (what: string): PartywallError =>
  new PartywallError("PW_CONFIG", `guardKnex() got ${what}.`);

// A pool that opens its connections when they are first needed has none before the first query.
function wasUsed(pool: unknown): boolean {
  const counted = pool as Partial<Record<string, () => number>> | undefined;
  return ["numUsed", "numFree", "numPendingAcquires", "numPendingCreates"].some(
    (name) => (counted?.[name]?.() ?? 0) > 0,
  );
}

/** The class of a Knex client with its connections exchanged for the guard's. */
function guardedClientClass(
  Base: KnexClientClass,
  guard: PostgresGuard<PgModule>,
  pool: GuardedKnexPool,
): KnexClientClass {
  return class extends Base {
    _driver(): unknown {
      return guard.driver;
    }

    // After knex.destroy(), Knex would make a pool of its own.
    initializePool(): void {
      this.pool = pool;
      this._ownsPool = false;
    }

    acquireRawConnection(): Promise<never> {
      return Promise.reject(
        new PartywallError(
          "PW_GUARD_BYPASSED",
          "Knex was asked to open a connection of its own, and none was opened. Take it with acquireConnection(), or from the guarded pool.",
        ),
      );
    }

    override async query(connection: Connection, query: unknown): Promise<unknown> {
      if (!pool.holds(connection)) await pool.prove(connection);
      return super.query(connection, query);
    }

    override async stream(
      connection: Connection,
      query: unknown,
      stream: Readable,
      options: unknown,
    ): Promise<unknown> {
      try {
        if (!pool.holds(connection)) await pool.prove(connection);
      } catch (error) {
        stream.destroy(error as Error);
        throw error;
      }
      return super.stream(connection, query, stream, options);
    }

    // Knex hands out a transaction whose BEGIN was refused, and runs its callback.
    override transaction(...of: readonly unknown[]): KnexTransaction {
      const transaction = super.transaction(...of);
      for (const name of ["begin", "savepoint"] as const) {
        const begin = transaction[name].bind(transaction);
        transaction[name] = async (connection) => {
          await begin(connection);
          if (transaction.isCompleted()) throw new Error("told by the transaction itself");
        };
      }
      return transaction;
    }

    override _query(connection: Connection, query: unknown): Promise<unknown> {
      return super._query(connection, query).catch((error: Error) => {
        throw error instanceof PartywallError ? withFixedMessage(error) : error;
      });
    }

    // Knex's own way asks the server by SQL, which the application's login may not.
    async cancelQuery(connection: Lent): Promise<void> {
      connection.cancel();
    }
  };
}

// Knex writes the statement and its parameters into the message of every error.
function withFixedMessage(error: PartywallError): PartywallError {
  const { message } = error;
  return Object.defineProperty(error, "message", { get: () => message, set() {} });
}

let loans = 0;

/** The guard's pool in the shape in which Knex asks for connections. */
class GuardedKnexPool {
  readonly guard: PostgresGuard<PgModule>;
  readonly #acquireMs: number;
  readonly #lent = new WeakMap<object, () => void>();
  readonly #proved = new WeakSet<object>();

  constructor(guard: PostgresGuard<PgModule>, acquireMs: number) {
    this.guard = guard;
    this.#acquireMs = acquireMs;
  }

  acquire(): { readonly promise: Promise<Lent> } {
    return { promise: this.#lend() };
  }

  async #lend(): Promise<Lent> {
    const { pool } = this.guard as unknown as { readonly pool: { connect(): Promise<Lent> } };
    const client = await this.#inTime(pool.connect());
    const lost = (error: Error) => {
      client.__knex__disposed = error;
    };
    client.on("error", lost);
    client.__knexUid = `guarded${(loans += 1)}`;
    const loan = loanOf(client);
    this.#lent.set(loan, () => {
      client.removeListener("error", lost);
      client.release(client.__knex__disposed);
    });
    return loan;
  }

  #inTime(lending: Promise<Lent>): Promise<Lent> {
    const ms = this.#acquireMs;
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(
          new PartywallError(
            "PW_POOL_EXHAUSTED",
            `No connection came free within ${ms} ms. Where a transaction is open, hand it to the query with .transacting(trx); otherwise raise \`max\` or \`budget\` of guardPg().`,
          ),
        );
      }, ms);
      lending.then(
        (client) => {
          clearTimeout(timer);
          if (isLate) client.release(undefined);
          else resolve(client);
        },
        (error: Error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
  }

  /** Gives a loan back; false where it was given back before. */
  release(loan: object): boolean {
    const giveBack = this.#lent.get(loan);
    this.#lent.delete(loan);
    giveBack?.();
    return giveBack !== undefined;
  }

  /** Ends nothing: the guard's connections end with `pw.close()`. */
  async destroy(): Promise<void> {}

  /** Whether a connection is on loan from the guard. */
  holds(connection: object): boolean {
    return this.#lent.has(connection);
  }

  /** Throws `PW_GUARD_BYPASSED` where a connection of the caller's own (`.connection()`) is not the guard's. */
  async prove(connection: Connection): Promise<void> {
    if (this.#proved.has(connection)) return;
    await this.guard.assertWired(async (text) => connection.query(text));
    this.#proved.add(connection);
  }
}

// Knex gives the connection of a stream back twice, and the second time it may be another's already: so each loan is
// an object of its own.
function loanOf(client: Lent): Lent {
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value),
  });
}
