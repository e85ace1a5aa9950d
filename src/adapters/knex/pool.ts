import { PartywallError } from "../../errors.js";
import type { PgModule, PostgresGuard } from "../../guards/postgres/index.js";
import type { Connection, Lent } from "./native.js";

let loans = 0;

/** The guard's pool in the shape in which Knex asks for connections. */
export class GuardedKnexPool {
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
