import type { CacheOptions } from "./registry/cache.js";
import type { TenantChange } from "./registry/changes.js";
import type { FieldsInputOf, FieldsOf, UntypedFields } from "./registry/field-types.js";
import { memoryStore } from "./registry/memory-store.js";
import { Registry } from "./registry/registry.js";
import { Settings, type SettingsOptions } from "./registry/settings.js";
import type { StandardSchemaV1 } from "./registry/standard-schema.js";
import type { RegistryInvalidation, TenantStore } from "./registry/store.js";
import { Tenants } from "./registry/tenants.js";
import { AuditTrail, type AuditSink } from "./scope/audit.js";
import { settingsOf, tenantOf } from "./scope/current.js";
import type { TenantKey } from "./scope/directory.js";
import { each, type EachOptions, type EachResult } from "./scope/each.js";
import { assertEnterable } from "./scope/enterable.js";
import type { Guard, GuardedTenant, GuardHost } from "./scope/guard.js";
import { Keyring } from "./scope/keyring.js";
import { Lifecycle, type LifecycleHandlers } from "./scope/lifecycle.js";
import { assertRealm, claimRealm } from "./scope/realm.js";
import { resumeSnapshot } from "./scope/resume.js";
import { Scopes, type RunOptions, type SystemOptions } from "./scope/scopes.js";
import type { Scope } from "./scope/scope.js";
import { takeSnapshot, type ResumeOptions, type SnapshotOptions } from "./scope/snapshot.js";
import type { ScopeSource } from "./scope/source.js";
import type { Tenant } from "./scope/tenant.js";

/** What `createPartywall` takes; everything is optional. */
export interface PartywallOptions<
  Schema extends StandardSchemaV1 | undefined = undefined,
  Postgres extends Guard | undefined = undefined,
  Mysql extends Guard | undefined = undefined,
  Mongodb extends Guard | undefined = undefined,
  SettingsSchema extends StandardSchemaV1 | undefined = undefined,
> {
  /**
   * Signs snapshots and derives the guards' keys: 32 random characters or more; while rotating, several, newest
   * first. May be missing as long as nothing needs it (`PW_CONFIG` then).
   */
  readonly secret?: string | readonly string[] | undefined;
  /**
   * Name that tells Partywall instances of one process apart; `"default"` unless told. Instances with the same name
   * and a secret in common see each other's scopes; with the same name and other secrets the second throws `PW_CONFIG`.
   * Keys are derived from it, so another name makes other keys.
   */
  readonly realm?: string;
  readonly tenant?: {
    /** Standard Schema (Zod, Valibot, ArkType …) of `tenant.fields`. Its output must be JSON that it accepts again. */
    readonly fields?: Schema;
  };
  /** Schema and defaults of what each tenant may set for itself; types `pw.settings()`. */
  readonly settings?: SettingsOptions<SettingsSchema>;
  /** Where tenants are recorded; `memoryStore()` unless told. */
  readonly store?: TenantStore;
  /** How records are cached: `{ ttlMs: 30_000, negativeTtlMs: 2_000, max: 10_000 }` unless told; `false` for not at all. */
  readonly cache?: CacheOptions | false;
  /** Tells the cache of changes made by other processes, for example `postgresInvalidation(…)`. */
  readonly invalidation?: RegistryInvalidation;
  /** Guard of the PostgreSQL wire. */
  readonly postgres?: Postgres;
  /** Guard of the MySQL and MariaDB wire. */
  readonly mysql?: Mysql;
  /** Guard of the MongoDB wire. */
  readonly mongodb?: Mongodb;
  /**
   * Makes the place in which a new tenant lives, called by `pw.tenants.create()` before the guards admit it; for example
   * `provision` of `provisioner()`. Must be idempotent: where it fails the tenant stays provisioning, and the same call
   * to `create()` calls it again.
   */
  readonly provision?: (tenant: GuardedTenant & { readonly slug: string }) => Promise<void>;
  /** Receives system scopes, refused accesses and open rollouts. Where it fails, a system scope does not open. */
  readonly audit?: AuditSink;
  /** Where else a current scope may come from; for hosts without one asynchronous context per request. */
  readonly sources?: readonly ScopeSource[];
}

/** The events of `pw.on`, with the handler each takes. */
export interface PartywallEvents extends LifecycleHandlers {
  /** Receives what the `audit` option receives, with the same power to keep a system scope closed. */
  readonly audit: AuditSink;
  /**
   * Told, in no scope, that the record of a tenant may have changed: created, suspended, moved, given other settings. Changes made by
   * other processes are told where `invalidation` hears of them. What it throws is an uncaught exception.
   */
  readonly tenantChanged: (change: TenantChange) => void;
}

/** One Partywall instance; see `createPartywall`. Its functions need no `this`. */
export interface Partywall<
  Fields = UntypedFields,
  FieldsInput = Fields,
  Postgres extends Guard | undefined = Guard | undefined,
  Mysql extends Guard | undefined = Guard | undefined,
  Mongodb extends Guard | undefined = Guard | undefined,
  TenantSettings = UntypedFields,
  TenantSettingsInput = TenantSettings,
> {
  /** Name of the instance. */
  readonly realm: string;
  /** The guard given as `postgres`, with its own type. */
  readonly postgres: Postgres;
  /** The guard given as `mysql`, with its own type. */
  readonly mysql: Mysql;
  /** The guard given as `mongodb`, with its own type. */
  readonly mongodb: Mongodb;
  /** Creates, reads, changes, suspends and restores tenants. */
  readonly tenants: Tenants<Fields, FieldsInput, TenantSettings, TenantSettingsInput>;
  /**
   * Runs `fn` in the scope of a tenant, which is always looked up in the registry (a fresh cache entry will do). What
   * `fn` returns is awaited inside; a lazy query is started inside. Rejects with `PW_TENANT_UNKNOWN`,
   * `PW_TENANT_SUSPENDED`, `PW_TENANT_NOT_READY`, `PW_REGISTRY_UNAVAILABLE`, or `PW_SCOPE_SWITCH` inside another tenant's scope.
   */
  run<T>(tenant: TenantKey, fn: () => T, options?: RunOptions): Promise<Awaited<T>>;
  /** The current tenant. Throws `TenantContextError` where there is none. */
  current(): Tenant<Fields>;
  /** The current tenant, or undefined. */
  tryCurrent(): Tenant<Fields> | undefined;
  /**
   * Settings of the current tenant as they were when its scope was opened, the defaults among them; frozen. Throws
   * `TenantContextError` where no tenant is current.
   */
  settings(): TenantSettings;
  /** Who is acting in the current scope, as given to `run` or by a framework; undefined where nobody was named. */
  principal(): unknown;
  /** The current scope, or undefined; for hosts that keep it, as a `ScopeSource`. */
  scope(): Scope | undefined;
  /** Runs `fn` where no tenant is current: shared tables only. Rejects with `PW_SCOPE_SWITCH` inside a tenant scope. */
  central<T>(fn: () => T): Promise<Awaited<T>>;
  /**
   * Runs `fn` across tenants, through the guards' system login, recorded in the audit before and after. Rejects with
   * `PW_SYSTEM_REASON` without a reason and with `PW_SCOPE_SWITCH` inside a tenant scope; with `PW_AUDIT_FAILED`,
   * and without running `fn`, when the audit cannot be written.
   */
  system<T>(options: SystemOptions, fn: () => T): Promise<Awaited<T>>;
  /**
   * Runs `fn` for every active tenant, each in its own scope, `concurrency` (4) at a time. All are visited; where some
   * fail it rejects with an `EachError` (`PW_EACH_FAILED`) that lists them.
   */
  each(fn: (tenant: Tenant<Fields>) => unknown, options?: EachOptions): Promise<EachResult>;
  /** A function that runs `fn` in the scope of this moment, whoever calls it later; without a new lookup. */
  bind<This, Args extends unknown[], Result>(
    fn: (this: This, ...args: Args) => Result,
  ): (this: This, ...args: Args) => Result;
  /**
   * The current tenant or central scope as a signed text for a queue or a worker. Throws `PW_NO_SCOPE`, `PW_CONFIG`
   * without a secret, and `PW_SNAPSHOT_INVALID` in a system scope.
   */
  snapshot(options?: SnapshotOptions): string;
  /**
   * Runs `fn` in the scope of a snapshot, whose tenant is read again from the store. Rejects with `PW_SNAPSHOT_INVALID`,
   * also where it was taken for another `audience`, `PW_SNAPSHOT_EXPIRED` and as `run` does.
   */
  resume<T>(snapshot: string, fn: () => T, options?: ResumeOptions): Promise<Awaited<T>>;
  /** Registers a handler and returns the function that removes it. */
  on<Name extends keyof PartywallEvents>(event: Name, handler: PartywallEvents[Name]): () => void;
  /** Prepares the registry and lets every guard prove that its wall stands. Rejects with the first that cannot. */
  ready(): Promise<void>;
  /** Closes guards, store and invalidation; may be repeated. Rejects with an `AggregateError` of what failed. */
  close(): Promise<void>;
}

/**
 * Creates a Partywall instance. Opens no socket and starts no timer. Throws `PW_CONFIG` for options that cannot be
 * (a missing secret is reported when it is first needed).
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 *
 * const pw = createPartywall({ secret: "an example, at least 32 characters long" });
 * const acme = await pw.tenants.create({ slug: "acme", name: "Acme" });
 * const name = await pw.run(acme.id, () => pw.current().name);
 * console.log(name); // Acme
 * await pw.close();
 * ```
 */
export function createPartywall<
  Schema extends StandardSchemaV1 | undefined = undefined,
  Postgres extends Guard | undefined = undefined,
  Mysql extends Guard | undefined = undefined,
  Mongodb extends Guard | undefined = undefined,
  SettingsSchema extends StandardSchemaV1 | undefined = undefined,
>(
  options: PartywallOptions<Schema, Postgres, Mysql, Mongodb, SettingsSchema> = {},
): Partywall<
  FieldsOf<Schema>,
  FieldsInputOf<Schema>,
  Postgres,
  Mysql,
  Mongodb,
  FieldsOf<SettingsSchema>,
  FieldsInputOf<SettingsSchema>
> {
  type Fields = FieldsOf<Schema>;
  type TenantSettings = FieldsOf<SettingsSchema>;
  type TenantSettingsInput = FieldsInputOf<SettingsSchema>;
  const realm: unknown = options.realm ?? "default";
  assertRealm(realm);
  const keyring = new Keyring(realm, options.secret);
  const sources = [...(options.sources ?? [])];
  const guards = [options.postgres, options.mysql, options.mongodb].filter(
    (guard) => guard !== undefined,
  );
  const trail = new AuditTrail(options.audit);
  const lifecycle = new Lifecycle();
  const registry = new Registry({
    store: options.store ?? memoryStore(),
    schema: options.tenant?.fields,
    settings: new Settings(options.settings),
    cache: options.cache,
    invalidation: options.invalidation,
  });
  const scopes = new Scopes({ realm, directory: registry, lifecycle, trail, sources });

  const host: GuardHost = Object.freeze({
    realm,
    scope: () => scopes.current(),
    run: <T>(tenant: TenantKey, fn: () => T) => scopes.run(tenant, fn),
    derive: (purpose: string, subject: string) => keyring.derive("guard", purpose, subject),
    denied: (access: Parameters<GuardHost["denied"]>[0]) => trail.denied(access),
    relocated: (tenantId: string) => registry.invalidate(tenantId),
    placement: async (tenantId: string) => {
      const entry = await registry.reread(tenantId);
      assertEnterable(entry);
      return entry.placement;
    },
    rolloutOpen: (rollout: Parameters<GuardHost["rolloutOpen"]>[0]) => trail.rolloutOpen(rollout),
  });
  const releaseRealm = claimRealm(realm, keyring.fingerprints());
  try {
    for (const guard of guards) guard.attach(host);
  } catch (error) {
    releaseRealm();
    throw error;
  }

  let closing: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    const outcomes = await Promise.allSettled([
      ...guards.map(async (guard) => guard.close()),
      registry.close(),
    ]);
    releaseRealm();
    const faults = outcomes.flatMap((one) =>
      one.status === "rejected" ? [one.reason as unknown] : [],
    );
    if (faults.length > 0)
      throw new AggregateError(faults, "pw.close(): not everything could be closed");
  }

  return Object.freeze<
    Partywall<
      Fields,
      FieldsInputOf<Schema>,
      Postgres,
      Mysql,
      Mongodb,
      TenantSettings,
      TenantSettingsInput
    >
  >({
    realm,
    postgres: options.postgres as Postgres,
    mysql: options.mysql as Mysql,
    mongodb: options.mongodb as Mongodb,
    tenants: new Tenants<Fields, FieldsInputOf<Schema>, TenantSettings, TenantSettingsInput>(
      registry,
      { guards, provision: options.provision },
      (own) =>
        own === undefined ? scopes.assertMayOpen("tenants") : scopes.assertMayOpen("tenant", own),
    ),
    run: (tenant, fn, runOptions) => scopes.run(tenant, fn, runOptions),
    current: () => tenantOf(scopes.current()) as Tenant<Fields>,
    tryCurrent: () => {
      const scope = scopes.current();
      return scope?.kind === "tenant" ? (scope.tenant as Tenant<Fields>) : undefined;
    },
    settings: () => settingsOf(scopes.current()) as TenantSettings,
    principal: () => scopes.current()?.principal,
    scope: () => scopes.current(),
    central: (fn) => scopes.central(fn),
    system: (system, fn) => scopes.system(system, fn),
    each: (fn, eachOptions) =>
      each(scopes, registry, (tenant) => fn(tenant as Tenant<Fields>), eachOptions),
    bind: (fn) => scopes.bind(fn),
    snapshot: (snapshotOptions) => takeSnapshot(scopes.current(), keyring, snapshotOptions),
    resume: (snapshot, fn, resumeOptions) =>
      resumeSnapshot(scopes, registry, keyring, { realm, snapshot }, fn, resumeOptions),
    on: (event, handler) => {
      if (event === "audit") return trail.add(handler as AuditSink);
      if (event === "tenantChanged")
        return registry.onChange(handler as PartywallEvents["tenantChanged"]);
      return lifecycle.on(event, handler as LifecycleHandlers["entering"]);
    },
    ready: async () => {
      await registry.ready();
      for (const guard of guards) await guard.ready();
    },
    close: () => (closing ??= closeAll()),
  });
}
