import { keepScope } from "./keep-scope.js";
import { PartywallError } from "../../errors.js";
import { anchor } from "../../scope/anchor.js";
import type { GuardedClient, GuardedClientClass } from "./client.js";
import type { PgCallback, PgClient, PgInternals, PgPool, PoolCallback } from "./driver.js";
import { systemClientClass } from "./system-client.js";
import type { Ticket, TicketOffice } from "./ticket.js";

/** A client that must be looked at before another borrower gets it. */
type Settling = PgClient & Pick<GuardedClient, "isClean" | "settle">;

/** The caller's own Pool class that hands no connection on before it is clean. */
function settlingPoolClass(pg: PgInternals): new (config?: unknown) => PgPool {
  return class extends pg.Pool {
    override _release(client: PgClient, idleListener: unknown, error: unknown): void {
      const settling = client as Settling;
      if (error || settling.isClean()) return super._release(client, idleListener, error);
      // Until the pool listens again, a connection that dies would be an unheard 'error' event.
      const hear = () => undefined;
      client.on("error", hear);
      settling.settle((destroy) => {
        client.removeListener("error", hear);
        super._release(client, idleListener, destroy);
      });
    }
  };
}

/** Tells an error in the manner in which the caller wants to hear of it. */
function refuse(error: Error, callback: ((error: Error) => void) | undefined): unknown {
  if (callback === undefined) return Promise.reject(error);
  process.nextTick(callback, error);
  return undefined;
}

/** Connections of the system login, for {@link guardedPoolClass} to borrow in a system scope. */
export function systemPool(pg: PgInternals, office: TicketOffice, config: object): PgPool {
  class SystemPool extends settlingPoolClass(pg) {
    // Also the way of the pool's own query().
    override connect(callback?: PoolCallback): unknown {
      return super.connect(callback && keepScope(callback));
    }
  }
  return new SystemPool({ ...config, Client: systemClientClass(pg, office) });
}

/**
 * The caller's own Pool class whose connections are guarded. In a system scope it lends those of the system pool.
 * The scope is read when the caller asks, never when a connection comes free: a queue runs its callbacks in the
 * context of whoever released.
 */
export function guardedPoolClass(
  pg: PgInternals,
  office: TicketOffice,
  Client: GuardedClientClass,
  system: () => PgPool,
): new (config?: unknown) => PgPool {
  // Connected for whoever comes, so the pool's 'connect' event belongs to no tenant.
  class PooledClient extends Client {
    override connect(callback?: unknown): unknown {
      return anchor.als.run(undefined, () => super.connect(callback));
    }
  }
  return class GuardedPool extends settlingPoolClass(pg) {
    constructor(config?: unknown) {
      if ((config as { Client?: unknown } | undefined)?.Client !== undefined) {
        throw new PartywallError(
          "PW_CONFIG",
          "A guarded pool was given a Client of its own, which would send statements past the guard. Leave `Client` out.",
        );
      }
      super({ ...(config as object | undefined), Client: PooledClient });
    }

    override connect(callback?: PoolCallback): unknown {
      try {
        if (office.inSystemScope()) return system().connect(callback);
      } catch (error) {
        return refuse(error as Error, callback);
      }
      return super.connect(callback && keepScope(callback));
    }

    override query(text: unknown, values?: unknown, callback?: PgCallback): unknown {
      if (typeof text === "function") return super.query(text, values, callback);
      const given = typeof values === "function" ? (values as PgCallback) : callback;
      const parameters = typeof values === "function" ? undefined : values;
      let ticket: Ticket;
      try {
        if (office.inSystemScope()) return system().query(text, parameters, given);
        ticket = office.issue(
          typeof text === "string" ? text : (text as { text?: unknown } | null)?.text,
        );
      } catch (error) {
        return refuse(error as Error, given);
      }
      if (given !== undefined) {
        this.#run(ticket, text, parameters, keepScope(given));
        return undefined;
      }
      return new Promise((resolve, reject) => {
        this.#run(ticket, text, parameters, (error, result) =>
          error ? reject(error) : resolve(result),
        );
      }).catch((error: Error) => {
        // The stack then leads to the code that issued the query, as with the driver's own promise.
        Error.captureStackTrace(error);
        throw error;
      });
    }

    #run(ticket: Ticket, text: unknown, values: unknown, done: PgCallback): void {
      super.connect((failure, client, release) => {
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
