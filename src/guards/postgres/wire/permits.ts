import { AsyncLocalStorage } from "node:async_hooks";
import { cancelRunning } from "../cancel.js";
import type { GuardedClient } from "../client.js";
import type { DeadlineKeeper } from "../deadline.js";
import type { PgClient, PgInternals, PgPool, PgSubmittable, PoolCallback } from "../driver.js";
import type { PlacePool, Routes } from "../pool.js";
import { tellingMoves } from "../telling-moves.js";
import type { Ticket, TicketOffice } from "../ticket.js";

/** What a statement was allowed when its caller issued it, for whoever sends it later. */
export interface Permit {
  /** Runs something in the scope in which the statement was issued. */
  inScope<Result>(fn: () => Result): Result;
  /** Borrows a connection where the statement belongs. */
  lend(done: PoolCallback): void;
  /** Sends it there, or on a connection borrowed before, which refuses what is not its transaction's. */
  send(client: PgClient, statement: PgSubmittable): void;
  /** Cancels what a connection runs. */
  cancel(client: PgClient): void;
  /** Tells an error as the guard's own connections tell it. */
  tell(error: Error, done: (told: Error) => void): void;
  /**
   * Whether an error says that the tenant was not there and nothing was kept. `again` is called then, once: with the
   * permit to send the statement again, or with nothing where that would not help.
   */
  displaced(
    error: Error,
    refused: { readonly text: string; readonly since: number },
    again: (permit?: Permit) => void,
  ): boolean;
}

type Scoped = <Result>(fn: () => Result) => Result;

/** Gives permits to what speaks the protocol itself instead of calling a guarded client. */
export class Permits {
  readonly #pg: PgInternals;
  readonly #office: TicketOffice;
  readonly #routes: Routes;
  readonly #shared: () => PlacePool;

  constructor(parts: {
    readonly pg: PgInternals;
    readonly office: TicketOffice;
    readonly routes: Routes;
    readonly shared: () => PlacePool;
  }) {
    this.#pg = parts.pg;
    this.#office = parts.office;
    this.#routes = parts.routes;
    this.#shared = parts.shared;
  }

  /** The permit of a statement issued now. Throws where none may be issued; nothing is sent then. */
  issue(text: unknown): Permit {
    const inScope = AsyncLocalStorage.snapshot() as Scoped;
    const system = this.#routes.system();
    if (system !== undefined) return this.#ofSystem(system, inScope);
    return this.#of(this.#office.issue(text), inScope);
  }

  #ofSystem(pool: PgPool, inScope: Scoped): Permit {
    return {
      inScope,
      lend: (done) => void inScope(() => pool.connect(done)),
      send: (client, statement) => void inScope(() => client.query(statement)),
      cancel: (client) => void cancelRunning(this.#pg, client),
      tell: (error, done) => done(error),
      displaced: () => false,
    };
  }

  #of(issued: Ticket, inScope: Scoped, pool?: PlacePool): Permit {
    let ticket = issued;
    return {
      inScope,
      lend: (done) => {
        let away: ReturnType<Routes["away"]>;
        try {
          away = pool ?? inScope(() => this.#routes.away());
        } catch (error) {
          return done(error as Error);
        }
        if (!(away instanceof Promise)) return void (away ?? this.#shared()).lend(done);
        away.then((found) => {
          ticket = this.#routes.renewed(ticket);
          return (found ?? this.#shared()).lend(done);
        }, done);
      },
      send: (client, statement) => {
        if (isGuarded(client)) void client.issue(ticket, statement);
        else inScope(() => client.query(statement));
      },
      cancel: (client) => (client as PgClient & DeadlineKeeper).cancel(),
      tell: (error, done) =>
        inScope(() => tellingMoves(this.#office, ticket, (told) => done(told ?? error))(error)),
      displaced: (error, refused, again) =>
        this.#routes.displaced(error, { ...refused, ticket }, (next, at) =>
          again(next && this.#of(next, inScope, at)),
        ),
    };
  }
}

const isGuarded = (client: PgClient): client is GuardedClient => "issue" in client;

/** Leads from a guard to its permits. */
export const PERMITS = Symbol("partywall.permits");
