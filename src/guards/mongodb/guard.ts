import { PartywallError } from "../../errors.js";
import type { TenantKey } from "../../scope/directory.js";
import type { Guard, GuardedTenant, GuardHost } from "../../scope/guard.js";
import { Auditor } from "./audit/auditor.js";
import { bootAudit, refuseFindings, type MongoBootAudit } from "./audit/boot-audit.js";
import type { ModelSource } from "./audit/model-source.js";
import type { MongoAudit, MongoAuditOptions } from "./audit/options.js";
import { guardedClientClass, UNCONFIGURED, type GuardedClientClass } from "./client.js";
import { Clients } from "./clients.js";
import { OpenCursors } from "./cursors.js";
import {
  inspectDriver,
  type MongoClient,
  type MongoDocument,
  type MongoInternals,
  type MongoModule,
} from "./driver.js";
import type { GuardMongoOptions } from "./options.js";
import { auditOutsideSystem, bypassed } from "./refusals.js";
import { Running } from "./running.js";
import { clientKey, DEFAULT_SERVER, Servers } from "./servers.js";
import { TicketOffice, type Moment } from "./ticket-office.js";
import { placeNamed } from "./ticket.js";
import { Views } from "./views.js";

/** The guard of MongoDB, made by {@link guardMongo}. */
export interface MongoGuard<Driver extends MongoModule = MongoModule> extends Guard {
  readonly wire: "mongodb";
  /** A client of guarded connections; an instance of the caller's own `MongoClient`. Hand it to the application. */
  readonly client: InstanceType<Driver["MongoClient"]>;
  /** The guarded `MongoClient` class, for hosts that construct their own. */
  readonly MongoClient: Driver["MongoClient"];
  /** The field that every document of a tenant's collection carries. */
  readonly tenantField: string;
  /**
   * Names what the current scope may see: another name for every tenant, which begins with `tenant:`, for central and for
   * system scopes. What an ODM keeps of documents is kept under it. Throws `PW_NO_SCOPE` outside any scope.
   */
  partition(): string;
  /** The scope current where this is called, another one for each `pw.run()`. Undefined outside any scope. */
  scope(): object | undefined;
  /**
   * The current tenant's value of the tenant field; undefined where its documents carry none, in a database of its own and
   * outside tenants' scopes.
   */
  tenantValue(): unknown;
  /**
   * Runs what was built at an earlier moment, of which `AsyncLocalStorage.snapshot()` was taken: in the scope of that moment
   * where none is current now. Throws `PW_SCOPE_SWITCH` where another one is.
   */
  runAsBuilt<T>(moment: <R>(fn: () => R) => R, fn: () => T): T;
  /** Runs `fn` in the scope of a tenant, and rejects, as `pw.run()` does. */
  run<T>(tenant: TenantKey, fn: () => T): Promise<Awaited<T>>;
  /** Throws `PW_SCOPE_SWITCH` where the scope of the tenant with this id could not be opened, being inside another one's. */
  assertMayRun(tenantId: string): void;
  /** Throws unless a system scope is current: `PW_NO_SCOPE`, `PW_CENTRAL_SCOPE`, and `PW_SCOPE_SWITCH` in a tenant's. */
  assertInSystem(): void;
  /**
   * Proves that a client is wired over this guard: has it send a command that reads nothing, in no scope or any, and throws
   * `PW_GUARD_BYPASSED` where that did not pass.
   */
  assertWired(send: (command: Record<string, unknown>) => PromiseLike<unknown>): Promise<void>;
  /**
   * Reads how every server keeps the tenants' documents, and the documents' tenants, and lists what leads around the guard; see
   * `docs/reference/audit.md`. Changes nothing, and tells no document or value. To be called in `pw.system()`. Rejects with
   * `PW_STATEMENT_REFUSED` elsewhere, and with `PW_CONFIG` where a server has no system login.
   */
  audit(options?: MongoAuditOptions): Promise<MongoAudit>;
  /** Lets the audit look at the models and connections of an ODM; for adapters. */
  noteModels(source: ModelSource): void;
}

/**
 * Guards the caller's own `mongodb`: every command carries the tenant of the scope that issued it, and an operation outside
 * any scope throws before anything is sent. Opens no socket until first use. Throws `PW_CONFIG` for a driver it does not know.
 *
 * @example
 * ```ts
 * import * as mongodb from "mongodb";
 * import { createPartywall } from "partywall";
 * import { guardMongo } from "partywall/guards/mongodb";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   mongodb: guardMongo(mongodb, {
 *     app: process.env["MONGODB_URL"],
 *     system: process.env["SYSTEM_MONGODB_URL"],
 *     shared: ["plans"],
 *   }),
 * });
 * const orders = pw.mongodb.client.db().collection("orders");
 * await pw.run("acme", () => orders.find({ paid: false }).toArray());
 * ```
 */
export function guardMongo<Driver extends MongoModule>(
  driver: Driver,
  options: GuardMongoOptions,
): MongoGuard<Driver> {
  const internals = inspectDriver(driver, options.internals);
  return new GuardOfMongo(internals, options) as unknown as MongoGuard<Driver>;
}

const APP = clientKey(DEFAULT_SERVER, "app");
const FIELD = /^[A-Za-z][A-Za-z0-9_]*$/;

class GuardOfMongo implements Guard {
  readonly wire = "mongodb";
  readonly tenantField: string;
  readonly #internals: MongoInternals;
  readonly #options: GuardMongoOptions;
  readonly #office: TicketOffice;
  readonly #servers: Servers;
  readonly #clients: Clients;
  readonly #cursors = new OpenCursors();
  readonly #running = new Running();
  readonly #homes = new Map<string, string>();
  readonly #audit: Required<MongoBootAudit> | undefined;
  readonly #auditor: Auditor;
  readonly MongoClient: GuardedClientClass;
  #client: MongoClient | undefined;
  #closing: Promise<unknown> | undefined;

  constructor(internals: MongoInternals, options: GuardMongoOptions) {
    this.#internals = internals;
    this.#options = options;
    this.tenantField = options.tenantField ?? "tenantId";
    if (!FIELD.test(this.tenantField)) {
      throw new PartywallError(
        "PW_CONFIG",
        "guardMongo() got a `tenantField` that is no name of a field: a letter, then letters, digits and underscores; no path.",
      );
    }
    this.#servers = new Servers({ app: options.app, system: options.system }, options.servers);
    this.#office = new TicketOffice(options.tenantValue ?? (({ id }) => id));
    const shared = new Set(options.shared);
    const homeOf = (client: string) => this.#homeOf(client);
    this.#clients = new Clients(internals, this.#servers, options.clientOptions ?? {}, {
      office: this.#office,
      cursors: this.#cursors,
      running: this.#running,
      views: new Views(options.views ?? []),
      field: this.tenantField,
      isShared: (collection) => shared.has(collection),
      databases: {
        get home() {
          return homeOf(APP);
        },
        further: new Set(options.databases),
        homeOf,
      },
    });
    this.MongoClient = guardedClientClass(internals, this.#office, this.#running, this.#clients);
    this.#audit = options.audit === undefined ? undefined : bootAudit(options.audit);
    this.#auditor = new Auditor({
      internals,
      options,
      servers: this.#servers,
      field: this.tenantField,
      realm: () => this.#office.host.realm,
      homeOf,
      assertWired: (send) => this.assertWired(send),
    });
  }

  // The database that a client's connection string names; `test` where it names none, as the driver has it.
  #homeOf(key: string): string {
    const known = this.#homes.get(key);
    if (known !== undefined) return known;
    const client = key === APP ? this.client : this.#clients.client(key);
    this.#homes.set(key, client.options.dbName);
    return client.options.dbName;
  }

  get client(): MongoClient {
    const { app, clientOptions } = this.#options;
    this.#client ??= new this.MongoClient(app || UNCONFIGURED, { ...clientOptions });
    return this.#client;
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

  tenantValue(): unknown {
    return this.#office.current()?.value;
  }

  runAsBuilt<T>(moment: Moment, fn: () => T): T {
    return this.#office.runAsBuilt(moment, fn);
  }

  run<T>(tenant: TenantKey, fn: () => T): Promise<Awaited<T>> {
    return this.#office.host.run(tenant, fn);
  }

  assertMayRun(tenantId: string): void {
    this.#office.assertMayRun(tenantId);
  }

  assertInSystem(): void {
    this.#office.assertInSystem();
  }

  async assertWired(send: (command: MongoDocument) => PromiseLike<unknown>): Promise<void> {
    await this.#office.proofs.prove(send);
  }

  async audit(options?: MongoAuditOptions): Promise<MongoAudit> {
    if (this.#office.current()?.kind !== "system") throw auditOutsideSystem();
    return this.#auditor.audit(options);
  }

  noteModels(source: ModelSource): void {
    this.#auditor.note(source);
  }

  async admit({ id, placement }: GuardedTenant): Promise<void> {
    this.#servers.assertKnown(placement.server ?? DEFAULT_SERVER);
    this.#running.admit(id, placeNamed(placement));
  }

  async expel({ id }: GuardedTenant): Promise<void> {
    await this.#running.expel(id, this.#options.expelGraceMs ?? 10_000);
    this.#cursors.forget(`tenant:${id}`);
  }

  async ready(): Promise<void> {
    if (!(this.client instanceof this.#internals.MongoClient)) {
      throw bypassed("The guarded client is none of the driver's");
    }
    await this.#clients.prove(this.client);
    for (const key of this.#servers.keys()) {
      if (key === APP) continue;
      await this.#clients.topology(key);
      await this.#clients.prove(this.#clients.client(key));
    }
    if (this.#audit !== undefined) {
      refuseFindings(await this.#auditor.audit(this.#audit), this.#audit);
    }
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.all([this.#client?.close(), this.#clients.close()]);
    await this.#closing;
  }
}
