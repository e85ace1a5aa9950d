import { keepScope } from "./keep-scope.js";
import { PartywallError } from "../../errors.js";
import { outside } from "../../scope/outside.js";
import type { Budget, BudgetedPool } from "./budget.js";
import type { GuardedClient, GuardedClientClass } from "./client.js";
import type { PgCallback, PgClient, PgInternals, PgPool, PoolCallback } from "./driver.js";
import { hearUntilTaken } from "./handover.js";
import { systemClientClass } from "./system-client.js";
import type { Ticket, TicketOffice } from "./ticket.js";

/** A client that must be looked at before another borrower gets it. */
type Settling = PgClient & Pick<GuardedClient, "isClean" | "settle">;

type PoolClass = new (config?: unknown) => PgPool & BudgetedPool;

/** What the driver's pool says when nobody returned a connection in time. */
const TIMED_OUT = "timeout exceeded when trying to connect";

/**
 * The caller's own Pool class that keeps to the budget of connections and hands none on before it is clean.
 */
function settlingPoolClass(pg: PgInternals, budget: Budget): PoolClass {
  return class extends pg.Pool implements BudgetedPool {
    get openCount(): number {
      return this._clients.length;
    }

    get isWaiting(): boolean {
      return this._pendingQueue.length > 0;
    }

    serve(): void {
      this._pulseQueue();
    }

    closeIdle(): boolean {
      const oldest = this._idle[0];
      if (oldest !== undefined) this._remove(oldest.client);
      return oldest !== undefined;
    }

    override _isFull(): boolean {
      return super._isFull() || (this._idle.length === 0 && !budget.mayOpen(this));
    }

    override newClient(pendingItem: unknown): void {
      budget.opened(this);
      super.newClient(pendingItem);
      this._clients.at(-1)?.once("end", () => budget.closed(this));
    }

    override _release(client: PgClient, idleListener: unknown, error: unknown): void {
      const giveBack = (destroy: unknown) =>
        super._release(client, idleListener, destroy || budget.mustYield(this));
      const settling = client as Settling;
      if (error || settling.isClean()) return giveBack(error);
      // Until the pool listens again, a connection that dies would be an unheard 'error' event.
      const hear = () => undefined;
      client.on("error", hear);
      settling.settle((destroy) => {
        client.removeListener("error", hear);
        giveBack(destroy);
      });
    }

    override connect(callback?: PoolCallback): unknown {
      return this.#lend(callback);
    }

    #lend(callback?: PoolCallback): unknown {
      budget.used(this);
      const told = (error: Error): Error => {
        if (error.message !== TIMED_OUT) return error;
        return new PartywallError(
          "PW_POOL_EXHAUSTED",
          `No connection came free within ${this.options.connectionTimeoutMillis} ms (timeout exceeded when trying to connect): ${this.openCount} of at most ${this.options.max} of this pool are in use, ${budget.open} of ${budget.max} of all pools, and ${budget.waiting} pools wait. Release connections sooner, or raise \`max\` or \`budget\` of guardPg().`,
          { cause: error },
        );
      };
      // One that died since it was last looked at has sent nothing, so another is lent for it.
      const isDead = (client: PgClient | undefined) => client?._queryable === false;
      if (callback !== undefined) {
        return super.connect((error, client, release) => {
          if (!isDead(client)) return callback(error && told(error), client, release);
          release?.(true);
          this.#lend(callback);
        });
      }
      const lent = new Promise<PgClient>((resolve, reject) => {
        super.connect((error, client) => {
          if (client === undefined)
            return reject(error ?? new Error("the pool gave no connection"));
          hearUntilTaken(client);
          resolve(client);
        });
      });
      return lent.then(
        (client) => {
          if (!isDead(client)) return client;
          client.release?.(true);
          return this.#lend();
        },
        (error: Error) => {
          Error.captureStackTrace(error);
          throw told(error);
        },
      );
    }
  };
}

/** Tells an error in the manner in which the caller wants to hear of it. */
function refuse(error: Error, callback: ((error: Error) => void) | undefined): unknown {
  if (callback === undefined) return Promise.reject(error);
  process.nextTick(callback, error);
  return undefined;
}

/** Connections of a system login, for {@link guardedPoolClass} to borrow in a system scope. */
export function systemPool(
  pg: PgInternals,
  office: TicketOffice,
  budget: Budget,
  config: object,
): PgPool {
  class SystemPool extends settlingPoolClass(pg, budget) {
    // Also the way of the pool's own query().
    override connect(callback?: PoolCallback): unknown {
      return super.connect(callback && keepScope(callback));
    }
  }
  return new SystemPool({ ...config, Client: systemClientClass(pg, office) });
}

/** A pool whose connections are guarded and all at one place. */
export interface PlacePool extends PgPool, BudgetedPool {
  /** Lends a connection of this pool, whatever scope is current. */
  lend(callback?: PoolCallback): unknown;
  /** Sends a statement whose ticket is issued, on a connection of this pool. */
  send(ticket: Ticket, text: unknown, values: unknown, done: PgCallback): void;
}

export type PlacePoolClass = new (config?: unknown) => PlacePool;

/** The caller's own Pool class with guarded connections. */
export function placePoolClass(
  pg: PgInternals,
  budget: Budget,
  Client: GuardedClientClass,
): PlacePoolClass {
  // Connected for whoever comes, so the pool's 'connect' event belongs to no tenant. Drizzle takes whatever has "Pool" in
  // the name of its class for a pool.
  class LentClient extends Client {
    override connect(callback?: unknown): unknown {
      return outside(() => super.connect(callback));
    }
  }
  return class extends settlingPoolClass(pg, budget) implements PlacePool {
    constructor(config?: unknown) {
      if ((config as { Client?: unknown } | undefined)?.Client !== undefined) {
        throw new PartywallError(
          "PW_CONFIG",
          "A guarded pool was given a Client of its own, which would send statements past the guard. Leave `Client` out.",
        );
      }
      super({ ...(config as object | undefined), Client: LentClient });
    }

    lend(callback?: PoolCallback): unknown {
      return super.connect(callback);
    }

    send(ticket: Ticket, text: unknown, values: unknown, done: PgCallback): void {
      this.lend((failure, client, release) => {
        if (failure || client === undefined || release === undefined) return done(failure);
        let over = false;
        const finish = (error: Error | null | undefined, result?: unknown) => {
          if (over) return;
          over = true;
          client.removeListener("error", finish);
          release(error);
          done(error, result);
        };
        client.once("error", finish);
        try {
          (client as GuardedClient).issue(ticket, text, values, finish);
        } catch (error) {
          finish(error as Error);
        }
      });
    }
  };
}

/** Where statements and connections of the current scope go. */
export interface Routes {
  /**
   * The pool of the current tenant's place; undefined where that is the shared one. A promise where it has to be waited
   * for: its login is asked for, or the tenant is being moved.
   */
  away(): PlacePool | Promise<PlacePool | undefined> | undefined;
  /** The pool of the current system scope; undefined in every other scope. */
  system(): PgPool | undefined;
  /**
   * Whether an error says that the tenant was not there and nothing was kept. `resend` is called then, once: with the
   * ticket and pool to send the statement again, or with nothing where that would not help. `since` is when it was first
   * displaced, in milliseconds since 1970.
   */
  displaced(
    error: Error,
    refused: { readonly ticket: Ticket; readonly text: unknown; readonly since: number },
    resend: (ticket?: Ticket, pool?: PlacePool) => void,
  ): boolean;
  /** The ticket as it is now, where something was waited for since it was issued. */
  renewed(ticket: Ticket): Ticket;
}

/**
 * The caller's own Pool class whose connections are guarded: its own for tenants of the shared place, those of the
 * tenant's own place for others, those of the system login in a system scope. The scope is read when the caller asks,
 * never when a connection comes free: a queue runs its callbacks in the context of whoever released.
 */
export function guardedPoolClass(
  Base: PlacePoolClass,
  office: TicketOffice,
  routes: Routes,
): new (config?: unknown) => PgPool {
  return class GuardedPool extends Base {
    override connect(callback?: PoolCallback): unknown {
      const done = callback && keepScope(callback);
      let away: ReturnType<Routes["away"]>;
      try {
        const system = routes.system();
        if (system !== undefined) return system.connect(done);
        away = routes.away();
      } catch (error) {
        return refuse(error as Error, callback);
      }
      if (!(away instanceof Promise)) return (away ?? this).lend(done);
      const lent = away.then((pool) => (pool ?? this).lend(done));
      if (done === undefined) return lent;
      lent.catch((error: Error) => done(error));
      return undefined;
    }

    override query(text: unknown, values?: unknown, callback?: PgCallback): unknown {
      if (typeof text === "function") return super.query(text, values, callback);
      const given = typeof values === "function" ? (values as PgCallback) : callback;
      const parameters = typeof values === "function" ? undefined : values;
      let ticket: Ticket;
      let away: ReturnType<Routes["away"]>;
      try {
        const system = routes.system();
        if (system !== undefined) return system.query(text, parameters, given);
        ticket = office.issue(
          typeof text === "string" ? text : (text as { text?: unknown } | null)?.text,
        );
        away = routes.away();
      } catch (error) {
        return refuse(error as Error, given);
      }
      const send = (done: PgCallback) => {
        if (!(away instanceof Promise)) {
          this.#send(away, ticket, [text, parameters], done);
        } else {
          away.then(
            (pool) => this.#send(pool, routes.renewed(ticket), [text, parameters], done),
            done,
          );
        }
      };
      if (given !== undefined) {
        send(keepScope(given));
        return undefined;
      }
      return new Promise((resolve, reject) => {
        send((error, result) => (error ? reject(error) : resolve(result)));
      }).catch((error: Error) => {
        // The stack then leads to the code that issued the query, as with the driver's own promise.
        Error.captureStackTrace(error);
        throw error;
      });
    }

    #send(
      pool: PlacePool | undefined,
      ticket: Ticket,
      query: readonly [text: unknown, values: unknown],
      done: PgCallback,
      displacedAt?: number,
    ): void {
      const [text, values] = query;
      (pool ?? this).send(ticket, text, values, (error, result) => {
        if (!error) return done(error, result);
        const since = displacedAt ?? Date.now();
        const resend = (next?: Ticket, elsewhere?: PlacePool) => {
          if (next === undefined) done(error);
          else this.#send(elsewhere, next, query, done, since);
        };
        if (!routes.displaced(error, { ticket, text, since }, resend)) done(error, result);
      });
    }
  };
}
