import { randomUUID } from "node:crypto";
import { PartywallError, TenantContextError } from "../errors.js";
import { anchor } from "./anchor.js";
import type { AuditTrail, SystemAuditEvent } from "./audit.js";
import { currentScope, nearest, surroundingScope, withheld } from "./current.js";
import type { TenantDirectory, TenantEntry, TenantKey } from "./directory.js";
import { enter, stay } from "./enter.js";
import { assertEnterable } from "./enterable.js";
import { conclude, outcomeOf, type Lifecycle } from "./lifecycle.js";
import { refusal, type Opening } from "./rules.js";
import type { Scope } from "./scope.js";
import type { ScopeSource } from "./source.js";

/** How a tenant's scope is opened. */
export interface RunOptions {
  /** Who is acting: what `pw.principal()` gives inside; inherited from the scope around unless told. */
  readonly principal?: unknown;
}

/** Why a system scope is opened, and by whom. */
export interface SystemOptions {
  /** What for, in words an auditor understands; must not be blank. */
  readonly reason: string;
  /** Who asked: a user id, a job name. */
  readonly actor?: string;
  /** The database server to work on, as the guard names it; the default one unless told. */
  readonly server?: string;
}

/** Opens the scopes of one realm, each by the rules of the opening table. */
export class Scopes {
  readonly #realm: string;
  readonly #directory: TenantDirectory;
  readonly #lifecycle: Lifecycle;
  readonly #trail: AuditTrail;
  readonly #sources: readonly ScopeSource[];

  constructor(parts: {
    readonly realm: string;
    readonly directory: TenantDirectory;
    readonly lifecycle: Lifecycle;
    readonly trail: AuditTrail;
    readonly sources: readonly ScopeSource[];
  }) {
    this.#realm = parts.realm;
    this.#directory = parts.directory;
    this.#lifecycle = parts.lifecycle;
    this.#trail = parts.trail;
    this.#sources = parts.sources;
  }

  /** The scope current where this is called. */
  current(): Scope | undefined {
    return currentScope(this.#realm, this.#sources);
  }

  /**
   * Throws `PW_SCOPE_SWITCH`, and records the attempt, when `opening` may not happen here; `PW_NO_SCOPE` where a source
   * withholds scopes and more than shared tables is asked for.
   */
  assertMayOpen(opening: Opening, tenantId?: string): void {
    const reason = withheld(this.#sources);
    const isShared = opening === "central" || opening === "tenants";
    // What is made there is kept for everybody, so shared tables may go into it, whoever is current around.
    const from =
      reason !== undefined && isShared ? undefined : surroundingScope(this.#realm, this.#sources);
    const error =
      reason === undefined || isShared
        ? refusal(from, opening, tenantId)
        : new TenantContextError("PW_NO_SCOPE", reason);
    if (error === undefined) return;
    this.#trail.denied({
      code: error.code,
      wire: "scope",
      ...(from?.kind === "tenant" ? { tenantId: from.tenant.id } : {}),
    });
    throw error;
  }

  /** Looks the tenant up and runs `fn` in its scope; enters synchronously when the entry is cached. */
  run<T>(key: TenantKey, fn: () => T, options?: RunOptions): Promise<Awaited<T>> {
    const entry = this.#directory.peek(key);
    if (entry === undefined || this.#lifecycle.active) return this.#lookUpAndRun(key, fn, options);
    try {
      return this.enterTenant(entry, fn, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #lookUpAndRun<T>(
    key: TenantKey,
    fn: () => T,
    options: RunOptions | undefined,
  ): Promise<Awaited<T>> {
    // Refused alike for tenants that exist and for those that do not.
    if (withheld(this.#sources) !== undefined) this.assertMayOpen("tenant");
    if (this.current()?.kind !== "tenant")
      return this.enterTenant(await this.#directory.lookup(key), fn, options);
    // Refused before the lookup where the id tells, and alike for an unknown slug: a tenant must not find out by
    // its errors which other tenants exist.
    if (typeof key === "string") this.assertMayOpen("tenant", key);
    else if (typeof key?.id === "string") this.assertMayOpen("tenant", key.id);
    const entry = await this.#directory.lookup(key).catch((error: unknown) => {
      if (error instanceof PartywallError && error.code === "PW_TENANT_UNKNOWN")
        this.assertMayOpen("tenant");
      throw error;
    });
    return this.enterTenant(entry, fn, options);
  }

  /** Runs `fn` in the scope of a tenant that was looked up. Throws when it may not be entered. */
  enterTenant<T>(entry: TenantEntry, fn: () => T, options?: RunOptions): Promise<Awaited<T>> {
    this.assertMayOpen("tenant", entry.tenant.id);
    assertEnterable(entry);
    const parent = anchor.als.getStore();
    const own = nearest(parent, this.#realm);
    const principal = options?.principal ?? own?.principal;
    // The same record again: the scope is kept, so that a loop that re-enters itself does not grow a chain.
    const scope =
      own?.kind === "tenant" && own.tenant === entry.tenant && own.principal === principal
        ? own
        : Object.freeze({
            kind: "tenant" as const,
            realm: this.#realm,
            parent,
            tenant: entry.tenant,
            placement: entry.placement,
            settings: entry.settings,
            domains: entry.domains,
            ...acting(principal),
          });
    return this.#open(scope, scope === own, fn);
  }

  /** Runs `fn` in a central scope. */
  async central<T>(fn: () => T): Promise<Awaited<T>> {
    this.assertMayOpen("central");
    const parent = anchor.als.getStore();
    const own = nearest(parent, this.#realm);
    const scope =
      own?.kind === "central"
        ? own
        : Object.freeze({
            kind: "central" as const,
            realm: this.#realm,
            parent,
            ...acting(own?.principal),
          });
    return this.#open(scope, scope === own, fn);
  }

  /** Runs `fn` in a system scope, recorded before and after. */
  async system<T>(options: SystemOptions, fn: () => T): Promise<Awaited<T>> {
    this.assertMayOpen("system");
    const { reason, actor, server } = checkSystemOptions(options);
    const entry = {
      type: "system" as const,
      id: randomUUID(),
      reason,
      ...(actor === undefined ? {} : { actor }),
      ...(server === undefined ? {} : { server }),
    };
    const record = (outcome: SystemAuditEvent["outcome"]): Promise<void> =>
      this.#trail.record({ ...entry, outcome, at: new Date().toISOString() });
    await record("started");
    const scope = Object.freeze({
      kind: "system" as const,
      realm: this.#realm,
      parent: anchor.als.getStore(),
      ...acting(nearest(anchor.als.getStore(), this.#realm)?.principal),
      reason,
      ...(server === undefined ? {} : { server }),
    });
    const outcome = await outcomeOf(this.#open(scope, false, fn));
    const recorded = await outcomeOf(record("error" in outcome ? "failed" : "finished"));
    return conclude(outcome, "error" in recorded ? [recorded.error] : []);
  }

  #open<T>(scope: Scope, current: boolean, fn: () => T): Promise<Awaited<T>> {
    if (this.#lifecycle.active) return this.#lifecycle.around(scope, fn);
    return current ? stay(fn) : enter(scope, fn);
  }

  /** A function that runs `fn` in the scopes of this moment, of every realm, whoever calls it. */
  bind<This, Args extends unknown[], Result>(
    fn: (this: This, ...args: Args) => Result,
  ): (this: This, ...args: Args) => Result {
    const top = anchor.als.getStore();
    const own = this.current();
    // A scope that came from a source is put on the chain, since the source may not know it any more later.
    const captured =
      own === undefined || nearest(top, this.#realm) === own
        ? top
        : Object.freeze({ ...own, parent: top });
    return function bound(this: This, ...args: Args): Result {
      return anchor.als.run(captured, () => fn.apply(this, args));
    };
  }
}

function acting(principal: unknown): { readonly principal?: unknown } {
  return principal === undefined ? {} : { principal };
}

function checkSystemOptions(options: SystemOptions): SystemOptions {
  const { reason, actor, server } = options ?? {};
  if (typeof reason !== "string" || reason.trim() === "") {
    throw new PartywallError(
      "PW_SYSTEM_REASON",
      'A system scope needs a stated reason: pw.system({ reason: "monthly invoices" }, fn).',
    );
  }
  if (actor !== undefined && typeof actor !== "string") {
    throw new PartywallError(
      "PW_SYSTEM_REASON",
      "pw.system({ actor }) must be a string that names who asked.",
    );
  }
  if (server !== undefined && (typeof server !== "string" || server === "")) {
    throw new PartywallError(
      "PW_CONFIG",
      "pw.system({ server }) must be the name of a server, as the guard has it.",
    );
  }
  return {
    reason,
    ...(actor === undefined ? {} : { actor }),
    ...(server === undefined ? {} : { server }),
  };
}
