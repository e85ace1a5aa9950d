import { PartywallError } from "../../errors.js";
import { lentOnce, type LendableClient, type LendingPool } from "../lent-client.js";

/** The slice of the `pg.Pool` that MikroORM makes for a connection. */
export interface NativePool {
  readonly options: { readonly types?: unknown };
  Client: unknown;
  connect: unknown;
  query: unknown;
  end: unknown;
}

type Query = LendableClient["query"];

const BEGINS = /^(?:begin|start transaction)\b/;

// MikroORM reads dates, arrays and intervals by parsers of its own, which it gives to its pool and not to statements.
function typed(query: Query, types: unknown): Query {
  return (config, values, callback) => {
    if (typeof config === "string") {
      return typeof values === "function"
        ? query({ text: config, types }, undefined, values)
        : query({ text: config, types }, values, callback);
    }
    const { _result } = config as { readonly _result?: { _types?: unknown } };
    if (_result !== undefined) _result._types ??= types;
    return typeof (config as { submit?: unknown }).submit === "function"
      ? query(config, values, callback)
      : query({ types, ...(config as object) }, values, callback);
  };
}

// The ORM's query builder forgets a connection on which no transaction could be begun.
function returning(query: Query, lent: LendableClient): Query {
  return (config, values, callback) => {
    const answer = query(config, values, callback);
    if (typeof config === "string" && BEGINS.test(config) && answer instanceof Promise) {
      answer.catch(() => lent.release());
    }
    return answer;
  };
}

/** Would cancel a statement over a connection that no guard knows of. */
class NoControlClient {
  connect(): Promise<never> {
    return Promise.reject(
      new PartywallError(
        "PW_STATEMENT_REFUSED",
        "A statement that was aborted would be cancelled over a connection of its own, past the guard, so it was not. Leave `inflightQueryAbortStrategy` out, and limit statements with `query_timeout` in the guard's login.",
      ),
    );
  }

  end(): void {}
}

/** Has a pool of MikroORM's lend connections of the guard's; it opens none of its own. `close` is called when it ends. */
export function lendThrough(
  pool: NativePool,
  guarded: LendingPool,
  close: () => Promise<unknown>,
): void {
  const { types } = pool.options;
  const lend = (client: LendableClient) =>
    lentOnce(client, (lent) => returning(typed(client.query.bind(client), types), lent));
  pool.connect = (callback?: (...told: unknown[]) => void) => {
    if (callback === undefined) return guarded.connect().then(lend);
    return guarded.connect((error, client) => {
      const lent = client && lend(client);
      callback(error, lent, (destroy?: unknown) => lent?.release(destroy));
    });
  };
  pool.query = typed(guarded.query.bind(guarded), types);
  pool.Client = NoControlClient;
  const end = (pool.end as () => Promise<void>).bind(pool);
  pool.end = () => Promise.all([end(), close()]).then(() => undefined);
}
