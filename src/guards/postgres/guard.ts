import { PartywallError } from "../../errors.js";
import type { Guard, GuardedTenant, GuardHost } from "../../scope/guard.js";
import { bootAudit, refuseFindings, type BootAudit } from "./audit/boot-audit.js";
import { admitTenant, expelTenant, rotateTenantSeals, type KeeperPool } from "./admissions.js";
import {
  guardedClientClass,
  UNCONFIGURED,
  type ClientRules,
  type GuardedClientClass,
} from "./client.js";
import { inspectDriver, type PgInternals, type PgModule, type PgPool } from "./driver.js";
import { guardedPoolClass, systemPool } from "./pool.js";
import { Rollout, type GuardRollout } from "./rollout.js";
import { proveWall } from "./self-test.js";
import { newestSecret, sealSecrets, TicketOffice } from "./ticket.js";

/** Where a login connects: a connection string or a `pg` pool configuration. */
export type PgLogin = string | Readonly<Record<string, unknown>>;

/** Options of {@link guardPg}. */
export interface GuardPgOptions {
  /** The application's login. May be missing while a build imports the module; the first use then throws. */
  readonly app: PgLogin | undefined;
  /** The system login, for `pw.system()` and for admitting tenants. */
  readonly system?: PgLogin | undefined;
  /**
   * Parameters of the startup packet, which a login's own `ALTER ROLE … SET` cannot override. Default:
   * `search_path=public`, `client_encoding=UTF8`, `standard_conforming_strings=on`, `row_security=on`, no timeouts,
   * `read committed` and read-write; given ones, and the timeouts of the `pg` configuration, replace these.
   * A pooler that refuses them needs `{ startup: false }`.
   */
  readonly startup?: Readonly<Record<string, string>> | false;
  /**
   * Keeps statements prepared on each connection, under random names that tenant SQL cannot know: each text from the
   * second time on, a statement with a `name` at once. `true` keeps 100 a connection, a number so many; default
   * `false`, every statement is parsed each time. Not behind a transaction-mode pooler. A connection that cannot keep
   * the names to itself is refused with `PW_CONFIG`.
   */
  readonly preparedStatements?: boolean | number;
  /**
   * When DISCARD ALL clears a connection before another tenant uses it. `"touched"` (default): after statements that
   * may have left a setting, lock or cursor behind, as far as command tags and texts tell. `"always"`: at every
   * change of tenant, two round trips each, for applications whose own functions change the session.
   */
  readonly resetSession?: "touched" | "always";
  /**
   * Lets tables be in rollout until a moment: statements outside any scope are sent and reported, and so is what tables
   * that are not enforced yet let pass. Left out, nothing of that is done.
   */
  readonly rollout?: GuardRollout;
  /**
   * Lets `pw.ready()` audit the catalogue too, through the system login, and refuse where it finds a way around the
   * wall: `"refuse"` for critical and high findings, or what is refused and what may stay. Left out, `pw.ready()` proves
   * only what it needs to. See `docs/reference/audit.md`.
   */
  readonly audit?: "refuse" | BootAudit;
  /** How long expelling a tenant waits for transactions under way before ending them; default 10,000 ms. */
  readonly expelGraceMs?: number;
  /** How long a statement cancelled by `query_timeout` may take to end before its connection is closed; default 5,000 ms. */
  readonly drainMs?: number;
}

/** The guard of one PostgreSQL server, made by {@link guardPg}. */
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
   * Admits every known tenant under the instance's newest secret and lets older seals expire after `keepMs`
   * (default one hour). Resolves to the number of seals that will expire.
   */
  rotateSeals(options?: { readonly keepMs?: number }): Promise<number>;
}

const STARTUP = {
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  row_security: "on",
  search_path: "public",
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
};

function loginConfig(login: PgLogin | undefined, name: "app" | "system"): object {
  if (login === undefined || login === "") {
    throw new PartywallError(
      "PW_CONFIG",
      `guardPg() has no \`${name}\` login, so it cannot connect. Pass a connection string or a pg configuration (docs/guides/logins.md).`,
    );
  }
  return typeof login === "string" ? { connectionString: login } : login;
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

function mostPrepared(option: boolean | number = false): number {
  if (typeof option === "boolean") return option ? 100 : 0;
  if (Number.isSafeInteger(option) && option >= 0) return option;
  throw new PartywallError(
    "PW_CONFIG",
    "guardPg() got a `preparedStatements` that is neither true nor false nor a whole number from 0 on: how many statements a connection keeps.",
  );
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
  readonly #audit: Required<BootAudit> | undefined;
  readonly Client: GuardedClientClass;
  readonly Pool: new (config?: unknown) => PgPool;
  readonly driver: object;
  #pool: PgPool | undefined;
  #system: PgPool | undefined;
  #keeper: PgPool | undefined;
  #closing: Promise<unknown> | undefined;

  constructor(pg: PgInternals, options: GuardPgOptions) {
    this.#pg = pg;
    this.#options = options;
    this.#office = new TicketOffice(options.rollout && new Rollout(options.rollout));
    this.#audit = options.audit === undefined ? undefined : bootAudit(options.audit);
    const rules: ClientRules = {
      startup: options.startup === false ? {} : { ...STARTUP, ...options.startup },
      mostPrepared: mostPrepared(options.preparedStatements),
      resetAlways: options.resetSession === "always",
      drainMs: options.drainMs ?? 5000,
    };
    this.Client = guardedClientClass(pg, this.#office, rules);
    this.Pool = guardedPoolClass(pg, this.#office, this.Client, () => this.#systemPool());
    this.driver = Object.create(pg, {
      Client: { value: this.Client, enumerable: true },
      Pool: { value: this.Pool, enumerable: true },
    }) as object;
  }

  get pool(): PgPool {
    // An unconfigured login is told at first use, not when a build imports the module.
    this.#pool ??= hearing(
      new this.Pool(
        this.#options.app ? loginConfig(this.#options.app, "app") : { [UNCONFIGURED]: true },
      ),
    );
    return this.#pool;
  }

  #systemPool(): PgPool {
    const login = loginConfig(this.#options.system, "system");
    this.#system ??= hearing(systemPool(this.#pg, this.#office, login));
    return this.#system;
  }

  // The guard's own connections to the seals; no statement of the application's ever runs on them.
  #keeperPool(): KeeperPool {
    const login = loginConfig(this.#options.system, "system");
    this.#keeper ??= hearing(new this.#pg.Pool({ ...login, max: 2 }));
    return this.#keeper as unknown as KeeperPool;
  }

  attach(host: GuardHost): void {
    this.#office.attach(host);
  }

  async admit(tenant: GuardedTenant): Promise<void> {
    const { host } = this.#office;
    const admission = { realm: host.realm, tenantId: tenant.id };
    await admitTenant(this.#keeperPool(), admission, sealSecrets(host, tenant.id));
  }

  async expel(tenant: GuardedTenant): Promise<void> {
    this.#office.forget(tenant.id);
    const admission = { realm: this.#office.host.realm, tenantId: tenant.id };
    await expelTenant(this.#keeperPool(), admission, {
      appRole: await this.#appRole(),
      graceMs: this.#options.expelGraceMs ?? 10_000,
      innocent: (pid) => this.#office.connections.isInnocent(pid, tenant.id),
    });
  }

  async #appRole(): Promise<string> {
    const client = new this.#pg.Client(loginConfig(this.#options.app, "app")) as unknown as {
      user?: string;
    };
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
    return rotateTenantSeals(this.#keeperPool(), host.realm, newestOf, keepMs);
  }

  async ready(): Promise<void> {
    const { rollout } = this.#office;
    rollout?.announce(this.#office.host);
    await proveWall(this.#pg, this.#keeperPool(), {
      app: loginConfig(this.#options.app, "app"),
      pool: this.pool,
      guarded: this.Pool,
      keepsStatements: mostPrepared(this.#options.preparedStatements) > 0,
      rollout: rollout?.isOpen === true ? rollout.until : undefined,
    });
    if (this.#audit !== undefined) await this.#auditWall(this.#audit);
  }

  async #auditWall(audit: Required<BootAudit>): Promise<void> {
    const client = await this.#keeperPool().connect();
    let sound = false;
    try {
      await refuseFindings(client, await this.#appRole(), audit);
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
    await Promise.all([this.#pool, this.#system, this.#keeper].map((pool) => pool?.end()));
  }
}
