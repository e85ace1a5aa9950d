import { randomInt } from "node:crypto";
import { PartywallError } from "../../errors.js";
import { outside } from "../../scope/outside.js";
import { cancelRunning } from "./cancel.js";
import { commentSubmittable, withComment } from "./comment.js";
import { keepDeadline, type DeadlineKeeper } from "./deadline.js";
import type {
  PgCallback,
  PgClient,
  PgConnection,
  PgInternals,
  PgMessage,
  PgSubmittable,
} from "./driver.js";
import { keepScope } from "./keep-scope.js";
import { assertHome, homeError } from "./home-proof.js";
import { sharedPlace, type Place } from "./place.js";
import { AT, take, UNCONFIGURED, type Post } from "./post.js";
import { PreparedStatements } from "./prepared.js";
import { proofQueries } from "./private-names.js";
import { sealedQueryClass, type SealKeeper, type TicketedQuery } from "./query.js";
import { isNameError, SHUT_DOWN, shutDown, transactionScope, withoutName } from "./refusals.js";
import { Session } from "./session.js";
import { isSubmittable, textOf } from "./statement-of.js";
import { tellingMoves } from "./telling-moves.js";
import { keepContext, SealedSubmittable } from "./submittable.js";
import { RESET, type Ticket, type TicketOffice } from "./ticket.js";
import { traitsOf } from "./traits.js";

/** How guarded connections behave. */
export interface ClientRules {
  /** Startup parameters sent with every connection. */
  readonly startup: Readonly<Record<string, string>>;
  /** How many statements a connection keeps prepared; 0 for none. */
  readonly mostPrepared: number;
  /** Whether DISCARD ALL runs between any two tenants, not only after statements that may leave something. */
  readonly resetAlways: boolean;
  /** How long a cancelled statement may take to end before its connection is closed, in milliseconds. */
  readonly drainMs: number;
}

/** A guarded connection, as the pool handles it. */
export interface GuardedClient extends PgClient {
  /** Sends a statement under a ticket issued earlier, by the pool; the callback runs in whatever scope is current. */
  issue(ticket: Ticket, config: unknown, values?: unknown, callback?: PgCallback): unknown;
  /** Tells an error in the manner in which the caller of `query` wants to hear of it; nothing is sent. */
  refuse(error: Error, config: unknown, values: unknown, callback: unknown): unknown;
  /** Whether no transaction is open on it. */
  readonly isIdle: boolean;
  /** Whether the server has answered all that was sent. */
  readonly isQuiet: boolean;
  /** Whether it can be handed to another borrower as it is. */
  isClean(): boolean;
  /** Cleans it; the callback's argument is true where it must be closed instead. */
  settle(done: (destroy: boolean) => void): void;
}

export type GuardedClientClass = new (config?: unknown) => GuardedClient;

// Between -1 and 1, as setseed() takes it.
const freshSeed = () => (randomInt(2 ** 47) / 2 ** 46 - 1).toFixed(15);

/** The caller's own Client class as the guard of one connection. */
export function guardedClientClass(
  pg: PgInternals,
  office: TicketOffice,
  rules: ClientRules,
): GuardedClientClass {
  const SealedQuery = sealedQueryClass(pg);

  return class Client extends pg.Client implements GuardedClient, SealKeeper, DeadlineKeeper {
    readonly #session = new Session();
    readonly #prepared: PreparedStatements | undefined;
    // Whether names are known to be the guard's alone on this connection, or why they are not.
    #proof: "none" | "asked" | "proved" | PartywallError = "none";
    #cancelling: Promise<void> | undefined;
    // How often the server will yet say that it is ready.
    #answers = 0;
    readonly #queryTimeout: number;
    readonly #unconfigured: boolean;
    readonly #place: Place;
    // Whether the server has ended the backend.
    #isShutDown = false;

    constructor(config?: unknown) {
      super(config);
      const post = (config as { [AT]?: Post } | undefined)?.[AT];
      this.#place = post?.place ?? sharedPlace();
      if (post !== undefined) take(this, post);
      this.#prepared =
        rules.mostPrepared > 0 && !this.pipeline
          ? new PreparedStatements(rules.mostPrepared)
          : undefined;
      this.#unconfigured = Boolean(
        (config as { [UNCONFIGURED]?: boolean } | undefined)?.[UNCONFIGURED],
      );
      this.#queryTimeout = this.connectionParameters.query_timeout || 0;
      // The guard keeps this deadline itself: it cancels on the server instead of leaving the statement running.
      this.connectionParameters.query_timeout = 0;
      this.#countAnswers();
      this.connection.on("parameterStatus", (message: PgMessage) => this.#session.report(message));
      this.connection.on("end", () => office.connections.delete(this));
      this.connection.on("errorMessage", (message: PgMessage) => {
        if (message.code === SHUT_DOWN) this.#isShutDown = true;
      });
    }

    override getStartupConf(): Record<string, string> {
      return { ...rules.startup, ...super.getStartupConf() };
    }

    override connect(callback?: unknown): unknown {
      const done = typeof callback === "function" ? keepScope(callback as () => void) : undefined;
      if (this.#unconfigured) {
        const error = new PartywallError(
          "PW_CONFIG",
          "guardPg() has no `app` login, so nothing can be sent. Pass a connection string or a pg configuration (docs/guides/logins.md).",
        );
        if (done === undefined) return this._Promise.reject(error);
        process.nextTick(done, error);
        // As of a connection that came to nothing, so that whoever counts it hears of its end.
        process.nextTick(() => this.emit("end"));
        return undefined;
      }
      office.connections.add(this);
      // Socket events run in the context that opened the socket; that must be no tenant's.
      if (this.#place.tenantId === undefined || this.#place.database === undefined) {
        return outside(() => super.connect(done));
      }
      return outside(() => this.#connectHome(done));
    }

    // A database of one tenant's is asked whose it is before anything else, for no policy in it would tell.
    #connectHome(done: ((error?: Error) => void) | undefined): unknown {
      const tenantId = this.#place.tenantId ?? "";
      const connected = super.connect() as Promise<unknown>;
      const home = connected.then(async () => {
        const send = (text: string) =>
          super.query(text) as ReturnType<Parameters<typeof assertHome>[0]>;
        await assertHome(send, tenantId, office.host);
        return this;
      });
      const told = home.catch((error: Error) => {
        this.connection.stream.destroy();
        throw homeError(error, tenantId, office.host);
      });
      if (done === undefined) return told;
      // Out of the promise, so that what the callback throws is not taken for a rejection.
      told.then(
        () => process.nextTick(done),
        (error: Error) => process.nextTick(done, error),
      );
      return undefined;
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      if (config === null || config === undefined) return super.query(config);
      let ticket: Ticket;
      try {
        ticket = office.issue(textOf(config));
      } catch (error) {
        return this.refuse(error as Error, config, values, callback);
      }
      const given = typeof values === "function" ? values : callback;
      const done = typeof given === "function" ? keepScope(given as PgCallback) : undefined;
      return this.issue(ticket, config, typeof values === "function" ? undefined : values, done);
    }

    issue(ticket: Ticket, config: unknown, values?: unknown, done?: PgCallback): unknown {
      const refusal = this.#shutDownRefusal() ?? this.#listenRefusal(config);
      if (refusal !== undefined) return this.refuse(refusal, config, values, done);
      if (isSubmittable(config)) {
        if (ticket.comment !== undefined) commentSubmittable(config, ticket.comment);
        config.callback ??= done;
        keepContext(config);
        const result = (config as { _result?: { _types?: unknown } })._result;
        if (result !== undefined) result._types ??= this._types;
        const isQuery = config instanceof pg.Query || config.readsSeveral === true;
        super.query(new SealedSubmittable(config, ticket, this, isQuery));
        return config;
      }
      return this.#send(ticket, config, values, done);
    }

    #send(ticket: Ticket, config: unknown, values: unknown, done: PgCallback | undefined): unknown {
      const query = new SealedQuery(config, values);
      query.ticket = ticket;
      query.keeper = this;
      if (ticket.comment !== undefined && typeof query.text === "string")
        query.text = withComment(query.text, ticket.comment);
      const own = query.callback;
      const callback = done ?? (own && keepScope(own));
      let result: unknown;
      if (callback === undefined) {
        result = new this._Promise((resolve, reject) => {
          query.callback = tellingMoves(office, ticket, (error, value) =>
            error ? reject(error) : resolve(value),
          );
        }).catch((error: Error) => {
          // The stack then leads to the code that issued the query, as with the driver's own promise.
          Error.captureStackTrace(error);
          throw error;
        });
      } else {
        query.callback = tellingMoves(office, ticket, callback);
      }
      const timeout = Number(
        (config as { query_timeout?: unknown }).query_timeout ?? this.#queryTimeout,
      );
      if (timeout > 0) keepDeadline(query, timeout, this, rules.drainMs);
      super.query(query);
      return result;
    }

    // Refuses before anything is sent, in the manner in which the caller wants to hear of it.
    refuse(error: Error, config: unknown, values: unknown, callback: unknown): unknown {
      const given = typeof values === "function" ? values : callback;
      if (isSubmittable(config)) {
        keepContext(config);
        process.nextTick(() => config.handleError(error, this.connection));
        return config;
      }
      const own = typeof given === "function" ? given : (config as { callback?: unknown }).callback;
      if (typeof own !== "function") return this._Promise.reject(error);
      process.nextTick(own, error);
      return undefined;
    }

    // Where a tenant's own database ends connections it is as where a statement is cut short: the tenant may be moving.
    #shutDownRefusal(): PartywallError | undefined {
      const isHome = this.#place.database !== undefined;
      return this.#isShutDown && isHome && !this._queryable ? shutDown() : undefined;
    }

    #listenRefusal(config: unknown): PartywallError | undefined {
      const text = textOf(config);
      if (this.release === undefined || typeof text !== "string" || !traitsOf(text).isListen)
        return undefined;
      return new PartywallError(
        "PW_LISTEN_ON_POOL",
        "LISTEN was issued on a pooled connection, where the next tenant would receive the notifications. Use a connection of its own: new pw.postgres.Client().",
      );
    }

    withdraw(query: TicketedQuery): boolean {
      const waiting = this._queryQueue.indexOf(query);
      if (waiting !== -1) this._queryQueue.splice(waiting, 1);
      return waiting !== -1;
    }

    cancel(): void {
      this.#cancelling = cancelRunning(pg, this).then(() => {
        this.#cancelling = undefined;
      });
    }

    admit(ticket: Ticket, text: unknown): PartywallError | Buffer | undefined {
      if (this.#proof instanceof Error) return this.#proof;
      if (ticket.place !== undefined && ticket.place.key !== this.#place.key) {
        office.host.denied({ code: "PW_PLACEMENT", wire: "postgres" });
        return new PartywallError(
          "PW_PLACEMENT",
          "The connection is at another place than the current scope's, so the statement was not sent. Take a connection from the guarded pool in the scope that uses it.",
        );
      }
      if (!this.#session.isOthers(ticket)) {
        const mustSeal = this.#session.send(ticket, text, this.pipeline);
        return mustSeal && ticket.seal ? this.#sealOf(ticket.seal) : undefined;
      }
      return transactionScope(office.host);
    }

    #sealOf(seal: NonNullable<Ticket["seal"]>): Buffer {
      return this.#names?.seal(seal.secret) ?? seal.unnamed;
    }

    // What may be sent under a name now, if anything may.
    get #names(): PreparedStatements | undefined {
      return this.#proof === "proved" && this.#session.isPlain ? this.#prepared : undefined;
    }

    sealed(): void {
      this.#session.sealed();
      this.#prepared?.sealed();
    }

    sealRefused(error: Error): void {
      const name = this.#prepared?.dropSeal();
      if (name === undefined) return;
      withoutName(error, name);
      if (isNameError(error)) this.#prepared?.dropAll();
    }

    nameFor(text: string, atOnce: boolean): string | undefined {
      const names = this.#names;
      return names && traitsOf(text).isPreparable
        ? names.nameOf(this.#meaning(text), atOnce)
        : undefined;
    }

    closeDropped(connection: PgConnection): void {
      for (const name of this.#prepared?.takeDropped() ?? []) {
        connection.close({ type: "S", name });
        delete connection.parsedStatements[name];
      }
    }

    dropName(text: string): void {
      this.#prepared?.drop(this.#meaning(text));
    }

    // A text means other tables in each tenant's schema.
    #meaning(text: string): string {
      const schema = this.#session.running?.schema;
      return schema === undefined ? text : `${schema}\0${text}`;
    }

    repeat(query: TicketedQuery): boolean {
      if (!this.#session.isIdle) return false;
      this._queryQueue.unshift(query);
      return true;
    }

    skipped(): void {
      this.#answers -= 1;
    }

    observe(tag: string, ticket: Ticket, text: unknown): void {
      this.#session.observe(tag, ticket, text);
    }

    get occupant(): string | undefined {
      return this.#session.owner ?? (this.#inFlight() ? this.#session.running?.holder : undefined);
    }

    // Answers are told apart by their order alone: what asks the server for one more is counted.
    #countAnswers(): void {
      const { connection } = this;
      const query = connection.query.bind(connection);
      const sync = connection.sync.bind(connection);
      connection.query = (text) => {
        this.#answers += 1;
        query(text);
      };
      connection.sync = () => {
        this.#answers += 1;
        sync();
      };
    }

    override _handleNotice(notice: PgMessage): void {
      if (!office.rollout?.hears(notice, this._activeQuery)) super._handleNotice(notice);
    }

    override _handleReadyForQuery(message: PgMessage): void {
      if (this.#answers > 0) this.#answers -= 1;
      // A cursor closed while it failed has asked twice. Taken for the next statement's answer, the second would give
      // every later statement the one before's.
      if (this.#answers > 0 && !this.pipeline) return;
      this.#session.ready(message.status ?? "I");
      super._handleReadyForQuery(message);
    }

    override _pulseQueryQueue(): void {
      const next = this._queryQueue[0]?.ticket as Ticket | undefined;
      if (next !== undefined && next.kind !== "reset" && this.#needsReset(next)) {
        this._queryQueue.unshift(...this.#resetQueries(() => undefined));
      }
      if (this.#prepared !== undefined && this.#proof === "none" && this.#mayPrecede(next)) {
        this.#proof = "asked";
        this._queryQueue.unshift(...proofQueries(pg, (...outcome) => this.#proved(...outcome)));
      }
      super._pulseQueryQueue();
    }

    // Whether the guard may send something of its own before this.
    #mayPrecede(next: Ticket | undefined): boolean {
      return (
        next !== undefined &&
        this.readyForQuery === true &&
        !this.#inFlight() &&
        this.#session.isIdle
      );
    }

    #needsReset(next: Ticket): boolean {
      return (
        this.#mayPrecede(next) &&
        this.#session.isLastAnothers(next) &&
        (rules.resetAlways || this.#session.isTouched)
      );
    }

    #proved(refusal: PartywallError | undefined, failure: Error | undefined): void {
      if (failure === undefined) this.#proof = refusal ?? "proved";
      else this.connection.stream.destroy();
    }

    // A pipeline sends ahead of the server's answers, so only statements of one owner may be under way together.
    override _pulsePipelinedQueryQueue(): void {
      const queue = this._queryQueue;
      const holder = (queue[0]?.ticket as Ticket | undefined)?.holder;
      if (holder === undefined) return super._pulsePipelinedQueryQueue();
      let together = 0;
      if (!this.#inFlight() || this.#session.running?.holder === holder) {
        while (
          together < queue.length &&
          (queue[together]?.ticket as Ticket | undefined)?.holder === holder
        ) {
          together += 1;
        }
      }
      const rest = queue.splice(together);
      super._pulsePipelinedQueryQueue();
      queue.push(...rest);
    }

    #inFlight(): boolean {
      return Boolean(this._activeQuery) || this._sentQueryQueue.length > 0;
    }

    // What clears the session; where any of it fails the connection is closed. The seed of random() outlives DISCARD
    // ALL. It goes last, because a timeout that a tenant left may fire too late for DISCARD ALL itself, and would
    // then cancel what comes next: that must not be the next tenant's.
    #resetQueries(done: (failed: boolean) => void): PgSubmittable[] {
      const texts = ["discard all"];
      if (rules.resetAlways || this.#session.isTouched) {
        texts.push(`select pg_catalog.setseed(${freshSeed()})`);
      }
      return texts.map((text, index) => {
        const last = index === texts.length - 1;
        const query = new SealedQuery(text);
        query.ticket = RESET;
        query.keeper = this;
        query.callback = (error) => {
          if (error) this.connection.stream.destroy();
          else if (last) {
            this.#session.cleared();
            this.#prepared?.clear();
            this.connection.parsedStatements = {};
            this.connection.submittedNamedStatements = {};
          }
          if (error || last) done(Boolean(error));
        };
        return query;
      });
    }

    get isIdle(): boolean {
      return this.#session.isIdle;
    }

    get isQuiet(): boolean {
      return this.#answers === 0 && this._queryQueue.length === 0 && !this.#inFlight();
    }

    isClean(): boolean {
      return (
        this.isQuiet && this.isIdle && !this.#session.isTouched && this.#cancelling === undefined
      );
    }

    settle(done: (destroy: boolean) => void): void {
      if (!this._queryable || this._ending) return done(true);
      const busy = !this.isQuiet;
      if (busy || this.#cancelling !== undefined) {
        // Given back while it still works: it is not lent again before the server has answered.
        // A cursor or stream that nobody holds any more will not end by itself.
        const deadline =
          this._activeQuery instanceof SealedSubmittable
            ? setTimeout(() => this.connection.stream.destroy(), rules.drainMs)
            : undefined;
        const again = () => {
          clearTimeout(deadline);
          this.removeListener("drain", again);
          this.removeListener("end", again);
          this.settle(done);
        };
        if (busy) this.once("drain", again).once("end", again);
        else void this.#cancelling?.then(again);
        return;
      }
      // What the borrower left uncommitted must not be committed by the next one.
      if (!this.#session.isIdle) return done(true);
      if (!this.#session.isTouched) return done(false);
      for (const query of this.#resetQueries(done)) super.query(query);
    }
  };
}
