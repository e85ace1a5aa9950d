import { PartywallError } from "../../errors.js";
import { anchor } from "../../scope/anchor.js";
import { outside } from "../../scope/outside.js";
import { AT, type Post } from "./post.js";
import type { PgClient } from "./driver.js";
import type { Place } from "./place.js";
import type { PlacePool, PlacePoolClass } from "./pool.js";
import type { Servers } from "./servers.js";

/** The login that a placement's `secret` names. */
export interface TenantLogin {
  readonly user: string;
  readonly password: string;
}

/** Finds the login that a placement's `secret` names, for the tenant whose it is. */
export type Credentials = (secret: string, tenantId: string) => TenantLogin | Promise<TenantLogin>;

/** The pools of all places but the shared ones of the default server, made when they are first needed. */
export class Router {
  readonly #servers: Servers;
  /** The class of its pools. */
  readonly Pool: PlacePoolClass;
  readonly #credentials: Credentials | undefined;
  readonly #perPlace: number;
  readonly #waitMs: number;
  readonly #pools = new Map<string, PlacePool>();
  // One opening at a time for each place; nobody waits for another place's.
  readonly #opening = new Map<string, Promise<PlacePool>>();
  #closed = false;

  constructor(parts: {
    readonly servers: Servers;
    readonly Pool: PlacePoolClass;
    readonly credentials: Credentials | undefined;
    /** How many connections one tenant's own place may have. */
    readonly perPlace: number;
    /** How long a caller waits for a connection, in milliseconds. */
    readonly waitMs: number;
  }) {
    this.#servers = parts.servers;
    this.Pool = parts.Pool;
    this.#credentials = parts.credentials;
    this.#perPlace = parts.perPlace;
    this.#waitMs = parts.waitMs;
  }

  /** How many places have a pool at the moment. */
  get size(): number {
    return this.#pools.size;
  }

  /**
   * The pool of a place; waits only where its login has to be asked for. Throws `PW_PLACEMENT` for a server or login
   * that is not known.
   */
  pool(place: Place): PlacePool | Promise<PlacePool> {
    const known = this.#pools.get(place.key) ?? this.#opening.get(place.key);
    if (known !== undefined) return known;
    if (place.secret === undefined) return this.#make(place, undefined);
    // Whoever asks first, the login is asked for in nobody's scope.
    const opening = anchor.als
      .run(undefined, () => this.#loginOf(place))
      .then((login) => this.#make(place, login))
      .finally(() => this.#opening.delete(place.key));
    this.#opening.set(place.key, opening);
    return opening;
  }

  /** The user of a place's own login; undefined where it is the server's. */
  async userOf(place: Place): Promise<string | undefined> {
    if (place.secret === undefined) return undefined;
    const { user } = await outside(() => this.#loginOf(place));
    return user;
  }

  /** Closes the pool of a place, each of its connections when it is returned. */
  async shut(place: Place): Promise<void> {
    const pool = this.#pools.get(place.key);
    this.#pools.delete(place.key);
    // Not waited for: who still works there is waited for, or ended, in the database.
    void (pool?.end() as Promise<void> | undefined)?.catch(() => undefined);
  }

  /** Closes every pool, waiting for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#opening.values());
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.end()));
  }

  async #loginOf({ secret = "", tenantId = "" }: Place): Promise<TenantLogin> {
    if (this.#credentials === undefined) {
      throw new PartywallError(
        "PW_PLACEMENT",
        "The tenant's placement names a secret, and guardPg() has no `credentials` to find its login by. Nothing was sent.",
      );
    }
    let login: TenantLogin;
    try {
      login = await this.#credentials(secret, tenantId);
    } catch (cause) {
      throw new PartywallError(
        "PW_PLACEMENT",
        "The login that the tenant's placement names could not be had from `credentials` of guardPg(), so nothing was sent.",
        { cause },
      );
    }
    if (typeof login?.user === "string" && typeof login.password === "string") return login;
    throw new PartywallError(
      "PW_PLACEMENT",
      "`credentials` of guardPg() gave something else than { user, password } for the tenant's placement, so nothing was sent.",
    );
  }

  #make(place: Place, login: TenantLogin | undefined): PlacePool {
    if (this.#closed) {
      throw new PartywallError("PW_CONFIG", "The guard is closed: pw.close() was called.");
    }
    const post: Post = { place, login };
    const base = this.#servers.login(place.server, "app");
    const pool = new this.Pool({
      connectionTimeoutMillis: this.#waitMs,
      ...base,
      ...(place.tenantId === undefined ? {} : { max: this.#perPlace, min: 0 }),
      [AT]: post,
    });
    // A connection that breaks while idle has left its pool already; unheard, the event would end the process.
    pool.on("error", () => undefined);
    this.#pools.set(place.key, pool);
    // What nobody uses costs nothing: a pool without connections is forgotten, and one in use again remembered.
    pool.on("remove", () => {
      if (pool.openCount === 0 && !pool.isWaiting && this.#pools.get(place.key) === pool) {
        this.#pools.delete(place.key);
      }
    });
    pool.on("connect", (client: PgClient) => {
      // Moving a tenant ends the connections to its database, also those that are lent. Whoever holds one hears of it
      // with its next statement; unheard, the event would end the process.
      if (place.database !== undefined) client.on("error", () => undefined);
      if (!this.#closed && !this.#pools.has(place.key)) this.#pools.set(place.key, pool);
    });
    return pool;
  }
}
