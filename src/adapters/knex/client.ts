import type { Readable } from "node:stream";
import { PartywallError } from "../../errors.js";
import type { PgModule, PostgresGuard } from "../../guards/postgres/index.js";
import type { Connection, KnexClientClass, KnexTransaction, Lent } from "./native.js";
import type { GuardedKnexPool } from "./pool.js";

/** The class of a Knex client with its connections exchanged for the guard's. */
export function guardedClientClass(
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
