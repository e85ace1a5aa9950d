import { PartywallError, partywallErrorOf } from "../../errors.js";
import { lentOnce, type LendableClient, type LendingPool } from "../lent-client.js";

/** The slice of the Knex client behind a connection of Lucid's. */
export interface KnexClientLike {
  readonly driverName?: unknown;
  readonly config: {
    readonly searchPath?: unknown;
    readonly pool?: { readonly afterCreate?: unknown };
  };
  readonly pool?: { numUsed(): number; numFree(): number } | undefined;
  driver: unknown;
  version?: unknown;
  checkVersion(connection: unknown): Promise<unknown>;
  acquireConnection(): Promise<unknown>;
  releaseConnection(connection: unknown): Promise<unknown>;
  transaction(...parts: unknown[]): unknown;
}

type KnexConnection = LendableClient & { __knexUid?: string; __knex__disposed?: unknown };

let lendings = 0;

// Knex writes the statement, with the values in it, before the message of every error.
function keptMessage(error: unknown): unknown {
  const told = partywallErrorOf(error);
  if (told === undefined) return error;
  const { message } = told;
  Object.defineProperty(told, "message", {
    configurable: true,
    get: () => message,
    set: () => undefined,
  });
  return told;
}

function telling(client: LendableClient): LendableClient["query"] {
  return (config, values, callback) => {
    const given = typeof values === "function" ? values : callback;
    if (typeof given !== "function") return client.query(config, values);
    const told = (error: unknown, result: unknown) => {
      (given as (error: unknown, result: unknown) => void)(keptMessage(error), result);
    };
    return client.query(config, typeof values === "function" ? undefined : values, told);
  };
}

/** What a Knex client lends from. */
export interface Lender {
  readonly driver: object;
  /** The pool to borrow the next connection from. */
  readonly next: () => LendingPool;
  /** Throws where no scope is open. */
  readonly assertScope: () => unknown;
}

/** Has a Knex client lend connections of guarded pools; it opens none of its own. */
export function lendThrough(client: KnexClientLike, lender: Lender): void {
  // What Knex still connects by itself, as to cancel a statement, is guarded too.
  client.driver = lender.driver;
  const transaction = client.transaction.bind(client);
  client.transaction = (...parts) => {
    // Knex takes a BEGIN that was refused for one that was not, and tells of a transaction that has ended.
    lender.assertScope();
    return transaction(...parts);
  };
  client.acquireConnection = async () => {
    const connection = await lender.next().connect();
    const lent = lentOnce(connection, () => telling(connection)) as KnexConnection;
    lent.__knexUid = `guarded${(lendings += 1)}`;
    try {
      client.version ??= await client.checkVersion(lent);
    } catch (error) {
      lent.release();
      throw error;
    }
    return lent;
  };
  client.releaseConnection = (connection) => {
    (connection as KnexConnection).release((connection as KnexConnection).__knex__disposed);
    return Promise.resolve();
  };
}

/** Throws for a Knex client that cannot be guarded as it is. */
export function assertLendable(client: KnexClientLike, connection: string): void {
  const name = JSON.stringify(connection);
  if (typeof client.acquireConnection !== "function" || client.driverName !== "pg") {
    throw new PartywallError(
      "PW_CONFIG",
      `guardLucid() got the connection ${name}, which is not one to PostgreSQL by \`client: "pg"\`. Name the connections to guard in \`connections\`.`,
    );
  }
  if (client.config.searchPath !== undefined || client.config.pool?.afterCreate !== undefined) {
    throw new PartywallError(
      "PW_CONFIG",
      `guardLucid() got the connection ${name} with \`searchPath\` or \`pool.afterCreate\`, which would set up connections for everybody. Put what is for everybody into \`startup\` of guardPg(), and leave these out.`,
    );
  }
  if ((client.pool?.numUsed() ?? 0) + (client.pool?.numFree() ?? 0) > 0) {
    throw new PartywallError(
      "PW_GUARD_BYPASSED",
      `guardLucid() got a database whose connection ${name} was used before, past the guard. Call guardLucid() where the database is made.`,
    );
  }
}
