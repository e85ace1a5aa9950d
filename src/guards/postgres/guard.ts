import { PartywallError } from "../../errors.js";
import type { Guard, GuardedTenant, GuardHost } from "../../scope/guard.js";
import { bootAudit, refuseFindings, type BootAudit } from "./audit/boot-audit.js";
import {
  admitTenant,
  expelTenant,
  holdTenant,
  releaseTenant,
  rotateTenantSeals,
  type KeeperPool,
} from "./admissions.js";
import { Budget } from "./budget.js";
import { guardedClientClass, type ClientRules, type GuardedClientClass } from "./client.js";
import { commenter } from "./comment.js";
import { inspectDriver, type PgInternals, type PgModule, type PgPool } from "./driver.js";
import { admitToDatabase, assertTenantSchema, expelFromDatabase } from "./database-admissions.js";
import { quoteIdentifier } from "./ddl/identifier.js";
import {
  largestPools,
  mostPrepared,
  positive,
  STARTUP,
  type GuardPgOptions,
  type HoldOptions,
} from "./options.js";
import { UNCONFIGURED } from "./post.js";
import { DEFAULT_SERVER, placeOf, sharedPlace } from "./place.js";
import {
  guardedPoolClass,
  placePoolClass,
  systemPool,
  type PlacePool,
  type Routes,
} from "./pool.js";
import { Relocations } from "./relocations.js";
import { Router } from "./router.js";
import { routedClientClass } from "./routed-client.js";
import { Servers } from "./servers.js";
import { Rollout } from "./rollout.js";
import { proveWall } from "./self-test.js";
import { Permits, PERMITS } from "./wire/permits.js";
import { isTenantTicket, newestSecret, sealSecrets, TicketOffice, type Ticket } from "./ticket.js";

/** The guard of PostgreSQL, made by {@link guardPg}. */
export interface PostgresGuard<Driver extends PgModule> extends Guard {
  readonly wire: "postgres";
  /** A pool of guarded connections; an instance of the caller's own `pg.Pool`. Hand it to the ORM. */
  readonly pool: InstanceType<Driver["Pool"]>;
  /** The guarded `Pool` class, for hosts that construct their own. */
  readonly Pool: Driver["Pool"];
  /** The guarded `Client` class, for a dedicated connection (LISTEN, a long stream). */
  readonly Client: Driver["Client"];
  /** The caller's module with `Pool` and `Client` exchanged for the guarded ones, for hosts that take a driver. */
  readonly driver: Driver;
  /**
   * Names what the current scope may see: another name for every tenant, which begins with `tenant:`, for central and for
   * system scopes. What an ORM keeps of rows (a result cache, an identity map, a batch) is kept under it. Throws
   * `PW_NO_SCOPE` outside any scope.
   */
  partition(): string;
  /**
   * The scope current where this is called, itself and not what it may see: another one for each `pw.run()`. What an ORM
   * keeps for as long as a scope lasts is kept under it, in a WeakMap. Undefined outside any scope.
   */
  scope(): object | undefined;
  /**
   * Proves that a client is wired over this guard: has it send a statement that reads nothing, in no scope or any, and
   * throws `PW_GUARD_BYPASSED` where that did not pass.
   */
  assertWired(send: (text: string) => PromiseLike<unknown>): Promise<void>;
  /**
   * Keeps the tenant's statements waiting where it is placed, in every process, and waits for its transactions under way;
   * for a mover. False, and nothing is held, where some outlast `graceMs`. In a database of its own nobody outlasts it, and
   * `holdMs` does not end the hold.
   */
  hold(tenant: GuardedTenant, options: HoldOptions): Promise<boolean>;
  /** Ends a hold; idempotent. */
  release(tenant: GuardedTenant): Promise<void>;
  /**
   * Admits every known tenant under the instance's newest secret and lets older seals expire after `keepMs`
   * (default one hour). Resolves to the number of seals that will expire.
   */
  rotateSeals(options?: { readonly keepMs?: number }): Promise<number>;
}

/**
 * Guards the caller's own `pg`: every statement carries the tenant of the scope that issued it, sealed into the same
 * round trip, and a statement outside any scope throws before anything is sent. Opens no socket until first use.
 * Throws `PW_CONFIG` for a `pg` it does not know.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { createPartywall } from "partywall";
 * import { guardPg } from "partywall/guards/postgres";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, {
 *     app: process.env["DATABASE_URL"],
 *     system: process.env["SYSTEM_DATABASE_URL"],
 *   }),
 * });
 * await pw.run("acme", () => pw.postgres.pool.query("select * from orders"));
 * ```
 */
export function guardPg<Driver extends PgModule>(
  pg: Driver,
  options: GuardPgOptions,
): PostgresGuard<Driver> {
  const internals = inspectDriver(pg);
  return new GuardOfPostgres(internals, options) as unknown as PostgresGuard<Driver>;
}

// A connection that breaks while idle has left its pool already; unheard, the event would end the process.
function hearing(pool: PgPool): PgPool {
  return pool.on("error", () => undefined);
}

class GuardOfPostgres implements Guard {
  readonly wire = "postgres";
  readonly #pg: PgInternals;
  readonly #options: GuardPgOptions;
  readonly #office: TicketOffice;
  readonly #servers: Servers;
  readonly #budget: Budget;
  readonly #router: Router;
  readonly #relocations: Relocations;
  readonly #audit: Required<BootAudit> | undefined;
  readonly Client: GuardedClientClass;
  readonly Pool: new (config?: unknown) => PgPool;
  readonly driver: object;
  readonly [PERMITS]: Permits;
  #pool: PgPool | undefined;
  readonly #systems = new Map<string, PgPool>();
  readonly #keepers = new Map<string, PgPool>();
  #closing: Promise<unknown> | undefined;

  constructor(pg: PgInternals, options: GuardPgOptions) {
    this.#pg = pg;
    this.#options = options;
    this.#office = new TicketOffice(
      options.rollout && new Rollout(options.rollout),
      commenter(options.comment),
    );
    this.#servers = new Servers({ app: options.app, system: options.system }, options.servers);
    this.#audit = options.audit === undefined ? undefined : bootAudit(options.audit);
    const rules: ClientRules = {
      startup: options.startup === false ? {} : { ...STARTUP, ...options.startup },
      mostPrepared: mostPrepared(options.preparedStatements),
      resetAlways: options.resetSession === "always",
      drainMs: options.drainMs ?? 5000,
    };
    const { connections, perTenant = 5, waitMs = 10_000 } = options.budget ?? {};
    this.#budget = new Budget(
      positive("connections", connections ?? Math.max(100, ...largestPools(options))),
    );
    const Client = guardedClientClass(pg, this.#office, rules);
    const PlacePool = placePoolClass(pg, this.#budget, Client);
    this.#router = new Router({
      servers: this.#servers,
      Pool: PlacePool,
      credentials: options.credentials,
      perPlace: positive("perTenant", perTenant),
      waitMs: positive("waitMs", waitMs),
    });
    this.#relocations = new Relocations({
      office: this.#office,
      waitMs: positive("waitMs", waitMs),
      poolOf: ({ place }) =>
        place.key === "" ? (this.pool as PlacePool) : this.#router.pool(place),
    });
    const routes = this.#routes();
    const shared = () => this.pool as PlacePool;
    this.Pool = guardedPoolClass(PlacePool, this.#office, routes);
    this.Client = routedClientClass(Client, this.#office, {
      routes,
      budget: this.#budget,
      waitMs,
      shared,
    });
    this[PERMITS] = new Permits({ pg, office: this.#office, routes, shared });
    this.driver = Object.create(pg, {
      Client: { value: this.Client, enumerable: true },
      Pool: { value: this.Pool, enumerable: true },
      // Or a host that prefers it would find the module's own, which no guard is in.
      native: { value: undefined },
    }) as object;
  }

  #routes(): Routes {
    const poolOf = ({ place }: Ticket) =>
      place === undefined || place.key === "" ? undefined : this.#router.pool(place);
    return {
      away: () => {
        const ticket = this.#office.tenantTicket();
        if (ticket === undefined) return undefined;
        const pending = this.#relocations.pending(ticket.tenantId);
        if (pending === undefined) return poolOf(ticket);
        const renewed = () => poolOf(this.#office.again(ticket));
        // Where it came to nothing, the statement itself says so.
        return pending.then(renewed, renewed);
      },
      system: () => {
        const server = this.#office.systemServer();
        return server === undefined ? undefined : this.#systemPool(server);
      },
      renewed: (ticket) => (isTenantTicket(ticket) ? this.#office.again(ticket) : ticket),
      displaced: (error, refused, resend) => this.#relocations.displaced(error, refused, resend),
    };
  }

  get pool(): PgPool {
    // An unconfigured login is told at first use, not when a build imports the module.
    this.#pool ??= hearing(
      new this.Pool(
        this.#options.app ? this.#servers.login(DEFAULT_SERVER, "app") : { [UNCONFIGURED]: true },
      ),
    );
    return this.#pool;
  }

  #systemPool(server: string): PgPool {
    const known = this.#systems.get(server);
    if (known !== undefined) return known;
    const login = this.#servers.login(server, "system");
    const pool = hearing(systemPool(this.#pg, this.#office, this.#budget, login));
    this.#systems.set(server, pool);
    return pool;
  }

  // The guard's own connections to the seals, beside the budget; no statement of the application's runs on them.
  #keeperPool(server: string): KeeperPool {
    let pool = this.#keepers.get(server);
    if (pool === undefined) {
      const login = this.#servers.login(server, "system");
      pool = hearing(new this.#pg.Pool({ ...login, max: 2 }));
      this.#keepers.set(server, pool);
    }
    return pool as unknown as KeeperPool;
  }

  attach(host: GuardHost): void {
    this.#office.attach(host);
  }

  partition(): string {
    return this.#office.partition();
  }

  scope(): object | undefined {
    return this.#office.host.scope();
  }

  async assertWired(send: (text: string) => PromiseLike<unknown>): Promise<void> {
    await this.#office.proofs.prove(send);
  }

  async admit(tenant: GuardedTenant): Promise<void> {
    const { host } = this.#office;
    const { server = DEFAULT_SERVER, strategy, name } = tenant.placement;
    const keeper = this.#keeperPool(server);
    if (strategy === "database") {
      return admitToDatabase(keeper, tenant.id, name ?? "", await this.#appRole(tenant));
    }
    const admission = {
      realm: host.realm,
      tenantId: tenant.id,
      home: strategy === "schema" && name !== undefined ? this.#home(name) : undefined,
    };
    if (admission.home !== undefined) await assertTenantSchema(keeper, tenant.id, name ?? "");
    await admitTenant(keeper, admission, sealSecrets(host, tenant.id));
  }

  #home(schema: string): { readonly schema: string; readonly searchPath: string } {
    const path = [schema, ...(this.#options.sharedSchemas ?? [])].map(quoteIdentifier);
    // Last, or what is temporary would stand before what is the tenant's.
    return { schema, searchPath: [...path, "pg_temp"].join(", ") };
  }

  async expel(tenant: GuardedTenant): Promise<void> {
    this.#office.forget(tenant.id);
    const place = placeOf(tenant.id, tenant.placement);
    const keeper = this.#keeperPool(place.server);
    const appRole = await this.#appRole(tenant);
    const graceMs = this.#options.expelGraceMs ?? 10_000;
    if (place.tenantId !== undefined) await this.#router.shut(place);
    if (place.database !== undefined) {
      return expelFromDatabase(keeper, place.database, { appRole, graceMs });
    }
    const admission = { realm: this.#office.host.realm, tenantId: tenant.id };
    await expelTenant(keeper, admission, {
      appRole,
      graceMs,
      innocent: (pid) => this.#office.connections.isInnocent(pid, tenant.id),
    });
  }

  async hold(tenant: GuardedTenant, { holdMs, graceMs }: HoldOptions): Promise<boolean> {
    const place = placeOf(tenant.id, tenant.placement);
    const keeper = this.#keeperPool(place.server);
    const appRole = await this.#appRole(tenant);
    if (place.database !== undefined) {
      await expelFromDatabase(keeper, place.database, { appRole, graceMs });
      return true;
    }
    const admission = { realm: this.#office.host.realm, tenantId: tenant.id };
    const innocent = (pid: number) => this.#office.connections.isInnocent(pid, tenant.id);
    return holdTenant(keeper, admission, { appRole, graceMs, holdMs, innocent });
  }

  async release(tenant: GuardedTenant): Promise<void> {
    const { server = DEFAULT_SERVER, strategy } = tenant.placement;
    if (strategy === "database") return this.admit(tenant);
    const admission = { realm: this.#office.host.realm, tenantId: tenant.id };
    await releaseTenant(this.#keeperPool(server), admission);
  }

  // The role under which a tenant's statements run.
  async #appRole({ id, placement }: GuardedTenant): Promise<string> {
    const place = placeOf(id, placement);
    return (await this.#router.userOf(place)) ?? this.#sharedRole(place.server);
  }

  // The role of a server's own login.
  #sharedRole(server: string): string {
    const login = this.#servers.login(server, "app");
    const client = new this.#pg.Client(login) as unknown as { user?: string };
    if (client.user) return client.user;
    throw new PartywallError(
      "PW_CONFIG",
      "The `app` login of guardPg() names no user. Put it into the connection string.",
    );
  }

  async rotateSeals(options: { readonly keepMs?: number } = {}): Promise<number> {
    const { host } = this.#office;
    const newestOf = (tenantId: string) => newestSecret(host, tenantId);
    const keepMs = options.keepMs ?? 3_600_000;
    let retired = 0;
    for (const server of this.#sharedServers()) {
      retired += await rotateTenantSeals(this.#keeperPool(server), host.realm, newestOf, keepMs);
    }
    return retired;
  }

  // Those whose login's own database holds tenants, and so has a wall.
  #sharedServers(): string[] {
    return this.#servers.names().filter((name) => this.#servers.get(name).shared !== false);
  }

  async ready(): Promise<void> {
    const { rollout } = this.#office;
    rollout?.announce(this.#office.host);
    for (const server of this.#sharedServers()) {
      const pool =
        server === DEFAULT_SERVER ? this.pool : await this.#router.pool(sharedPlace(server));
      await proveWall(this.#pg, this.#keeperPool(server), {
        app: this.#servers.login(server, "app"),
        pool,
        guarded: server === DEFAULT_SERVER ? this.Pool : this.#router.Pool,
        keepsStatements: mostPrepared(this.#options.preparedStatements) > 0,
        rollout: rollout?.isOpen === true ? rollout.until : undefined,
      });
      if (this.#audit !== undefined) await this.#auditWall(server, this.#audit);
    }
  }

  async #auditWall(server: string, audit: Required<BootAudit>): Promise<void> {
    const client = await this.#keeperPool(server).connect();
    let sound = false;
    try {
      await refuseFindings(client, this.#sharedRole(server), audit);
      sound = true;
    } finally {
      client.release(!sound);
    }
  }

  async close(): Promise<void> {
    // The pools stay, so that what is asked of them later hears that they have ended.
    this.#closing ??= this.#end();
    await this.#closing;
  }

  async #end(): Promise<void> {
    // First, for a report may write through these very pools.
    if (this.#office.rollout) await this.#office.rollout.conclude();
    const pools = [this.#pool, ...this.#systems.values(), ...this.#keepers.values()];
    await Promise.all([...pools.map((pool) => pool?.end()), this.#router.close()]);
  }
}
