import { PartywallError } from "../../errors.js";
import type { Budget, BudgetedPool } from "./budget.js";
import type { GuardedClient, GuardedClientClass } from "./client.js";
import type { PgCallback, PgClient, PgSubmittable, PoolCallback } from "./driver.js";
import { hearUntilTaken } from "./handover.js";
import { keepScope } from "./keep-scope.js";
import type { PlacePool, Routes } from "./pool.js";
import { transactionScope } from "./refusals.js";
import { isSubmittable, textOf } from "./statement-of.js";
import type { Ticket, TicketOffice } from "./ticket.js";

/** A connection borrowed for a statement, or for the transaction that one began. */
interface Loan {
  readonly client: GuardedClient;
  readonly holder: string;
  readonly release: (destroy?: unknown) => void;
  /** Takes away what listens for the connection's end. */
  readonly unwatch: () => void;
}

/** The place that one client of a host's own pool takes in the budget. */
class Seat implements BudgetedPool {
  openCount = 0;
  isWaiting = false;
  readonly #budget: Budget;
  readonly #open: () => void;

  constructor(budget: Budget, open: () => void) {
    this.#budget = budget;
    this.#open = open;
  }

  serve(): void {
    this.isWaiting = false;
    this.openCount = 1;
    this.#budget.opened(this);
    this.#open();
  }

  closeIdle(): boolean {
    return false;
  }

  leave(): void {
    if (this.openCount === 0) return;
    this.openCount = 0;
    this.#budget.closed(this);
  }
}

/**
 * The guarded Client class for hosts that pool connections themselves. It is a connection to the shared place of its
 * own. A statement of a tenant who lives elsewhere borrows one there; where it began a transaction, the loan is kept
 * until that has ended, and goes on to what the same scope sends. A lost transaction ends the client, as the loss of its
 * own connection would.
 */
export function routedClientClass(
  Client: GuardedClientClass,
  office: TicketOffice,
  parts: {
    readonly routes: Routes;
    readonly budget: Budget;
    readonly waitMs: number;
    /** The pool of the shared place, which lends where a statement had to wait for its tenant. */
    readonly shared: () => PlacePool;
  },
): GuardedClientClass {
  const { routes, budget, waitMs, shared } = parts;
  return class RoutedClient extends Client {
    #loan: Loan | undefined;
    // What is sent elsewhere goes one after the other, as on any one connection.
    #line: Promise<void> = Promise.resolve();
    #hasEnded = false;

    override connect(callback?: unknown): unknown {
      const done =
        typeof callback === "function" ? keepScope(callback as (error?: Error) => void) : undefined;
      const connected = this.#takeSeat().then(() => super.connect() as Promise<unknown>);
      if (done === undefined) return connected;
      // Out of the promise, so that what the callback throws is not taken for a rejection.
      connected.then(
        () => process.nextTick(done),
        (error: Error) => process.nextTick(done, error),
      );
      return undefined;
    }

    #takeSeat(): Promise<void> {
      return new Promise((resolve, reject) => {
        const tooLate = setTimeout(() => {
          seat.isWaiting = false;
          reject(
            new PartywallError(
              "PW_POOL_EXHAUSTED",
              `No connection could be opened within ${waitMs} ms: ${budget.open} of ${budget.max} of all pools are open. Raise \`budget.connections\` of guardPg() above what the host's own pool holds.`,
            ),
          );
        }, waitMs);
        const seat = new Seat(budget, () => {
          clearTimeout(tooLate);
          resolve();
        });
        this.once("end", () => seat.leave());
        if (budget.mayOpen(seat)) seat.serve();
        else seat.isWaiting = true;
      });
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      if (config === null || config === undefined) return super.query(config, values, callback);
      let ticket: Ticket;
      let pool: ReturnType<Routes["away"]>;
      try {
        pool = routes.away();
        if (pool === undefined && this.#loan === undefined && !this.#isLone(config)) {
          return super.query(config, values, callback);
        }
        ticket = office.issue(textOf(config));
        if (this.#loan !== undefined && this.#loan.holder !== ticket.holder) {
          // What drivers ask by themselves belongs to nobody and is answered by the client's own connection.
          if (ticket.kind === "chatter") return super.query(config, values, callback);
          throw transactionScope(office.host);
        }
      } catch (error) {
        return this.refuse(error as Error, config, values, callback);
      }
      const given = typeof values === "function" ? values : callback;
      const parameters = typeof values === "function" ? undefined : values;
      if (isSubmittable(config)) return this.#submit(pool, ticket, config);
      const own = typeof given === "function" ? given : (config as { callback?: unknown }).callback;
      if (typeof own === "function") {
        this.#send(pool, ticket, config, parameters, keepScope(own as PgCallback));
        return undefined;
      }
      return new this._Promise((resolve, reject) => {
        this.#send(pool, ticket, config, parameters, (error, result) =>
          error ? reject(error) : resolve(result),
        );
      }).catch((error: Error) => {
        // The stack then leads to the code that issued the query, as with the driver's own promise.
        Error.captureStackTrace(error);
        throw error;
      });
    }

    // Whether it can be sent again elsewhere, since nothing it belongs to was sent here.
    #isLone(config: unknown): boolean {
      return this.isQuiet && this.isIdle && !isSubmittable(config);
    }

    #send(
      pool: ReturnType<Routes["away"]>,
      ticket: Ticket,
      config: unknown,
      values: unknown,
      done: PgCallback,
    ): void {
      if (pool === undefined && this.#loan === undefined) {
        this.#sendHere(ticket, config, values, done);
        return;
      }
      this.#next(pool, ticket, done, ({ client }, over) => {
        // The caller's own callback is called by what stands here.
        const query =
          typeof config === "string" ? config : { ...(config as object), callback: undefined };
        void client.issue(routes.renewed(ticket), query, values, (error, result) => {
          done(error, result);
          whenQuiet(client, over);
        });
      });
    }

    #sendHere(ticket: Ticket, config: unknown, values: unknown, done: PgCallback): void {
      void this.issue(ticket, config, values, (error, result) => {
        if (!error) return done(error, result);
        const resend = (next?: Ticket, pool?: PlacePool) => {
          if (next === undefined) done(error);
          else this.#send(pool ?? shared(), next, config, values, done);
        };
        const refused = { ticket, text: config, since: Date.now() };
        if (!routes.displaced(error, refused, resend)) done(error, result);
      });
    }

    #submit(
      pool: ReturnType<Routes["away"]>,
      ticket: Ticket,
      config: PgSubmittable,
    ): PgSubmittable {
      const failed = (error: Error | null | undefined) => {
        if (error) config.handleError(error, this.connection);
      };
      this.#next(pool, ticket, failed, ({ client }, over) => {
        client.issue(routes.renewed(ticket), config);
        whenQuiet(client, over);
      });
      return config;
    }

    #next(
      pool: ReturnType<Routes["away"]>,
      ticket: Ticket,
      failed: PgCallback,
      use: (loan: Loan, over: () => void) => void,
    ): void {
      this.#line = this.#line.then(async () => {
        let loan: Loan;
        try {
          loan = this.#loan ?? (await this.#borrow((await pool) ?? shared(), ticket));
        } catch (error) {
          failed(error as Error);
          return;
        }
        await new Promise<void>((resolve) => use(loan, resolve));
        this.#settle(loan);
      });
    }

    async #borrow(pool: PlacePool, ticket: Ticket): Promise<Loan> {
      if (this.#hasEnded) {
        throw new Error("Client was closed or has lost its transaction, and is not queryable");
      }
      const [client, release] = await new Promise<[GuardedClient, Loan["release"]]>(
        (resolve, reject) => {
          const lent: PoolCallback = (error, one, giveBack) => {
            if (error || one === undefined || giveBack === undefined) {
              return reject(error ?? new Error("the pool gave no connection"));
            }
            hearUntilTaken(one);
            resolve([one as GuardedClient, giveBack]);
          };
          pool.lend(lent);
        },
      );
      const lost = (error?: Error) => this.#lose(error);
      client.on("error", lost);
      const unwatch = () => client.removeListener("error", lost);
      const loan = { client, holder: ticket.holder, release, unwatch };
      this.#loan = loan;
      return loan;
    }

    // Kept as long as a transaction is open on it, by the server's word.
    #settle(loan: Loan): void {
      if (this.#loan !== loan || !loan.client.isIdle) return;
      this.#loan = undefined;
      loan.unwatch();
      loan.release();
    }

    // What follows must not be sent outside the transaction that the caller believes to be in.
    #lose(error: Error | undefined): void {
      const loan = this.#loan;
      if (loan === undefined) return;
      this.#loan = undefined;
      loan.unwatch();
      loan.release(error ?? true);
      if (loan.client.isIdle) return;
      this.#hasEnded = true;
      this.connection.stream.destroy();
    }

    override end(callback?: unknown): unknown {
      this.#hasEnded = true;
      const loan = this.#loan;
      this.#loan = undefined;
      loan?.unwatch();
      loan?.release(true);
      return super.end(callback);
    }
  };
}

/** Calls back when the server has answered all that was sent, or never will. */
function whenQuiet(client: GuardedClient & PgClient, done: () => void): void {
  if (client.isQuiet) return done();
  const quiet = () => {
    client.removeListener("drain", quiet);
    client.removeListener("end", quiet);
    done();
  };
  client.once("drain", quiet).once("end", quiet);
}
