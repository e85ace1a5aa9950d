import { PartywallError } from "../../errors.js";
import { tenantOf } from "../../scope/current.js";
import type { Scope } from "../../scope/scope.js";
import { outside } from "../../scope/outside.js";
import type { LiveConnection } from "./connection.js";
import type { Eviction, LiveSettings, WatchedHost } from "./options.js";

/** Whose connections, in the terms that they are kept by. */
export interface Target {
  readonly tenantId?: string;
  readonly actor?: string;
}

/**
 * The connections of one server in this process, the sweep that decides upon them again, and the watch that closes those of a
 * tenant that has been shut out.
 */
export class LiveConnections {
  readonly #host: WatchedHost;
  readonly #sweepMs: number | false;
  readonly #byTenant = new Map<string, Set<LiveConnection>>();
  #sweeping: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;

  constructor(host: WatchedHost, { sweepMs }: Pick<LiveSettings<never>, "sweepMs">) {
    this.#host = host;
    this.#sweepMs = sweepMs;
  }

  add(connection: LiveConnection): void {
    const others = this.#byTenant.get(connection.tenantId) ?? new Set();
    this.#byTenant.set(connection.tenantId, others.add(connection));
    this.#arm();
    this.#unwatch ??= this.#host.on("tenantChanged", ({ id }) => void this.#lookAgain(id));
    // Who was shut out while the door was opening was not among the connections yet.
    void connection.recheck();
  }

  delete(connection: LiveConnection): void {
    const others = this.#byTenant.get(connection.tenantId);
    others?.delete(connection);
    if (others?.size === 0) this.#byTenant.delete(connection.tenantId);
    if (this.#byTenant.size > 0) return;
    clearTimeout(this.#sweeping);
    this.#sweeping = undefined;
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  /** Those of a target, now. */
  of({ tenantId, actor }: Target): readonly LiveConnection[] {
    const tenants =
      tenantId === undefined ? [...this.#byTenant.values()] : [this.#byTenant.get(tenantId) ?? []];
    return tenants
      .flatMap((connections) => [...connections])
      .filter((connection) => actor === undefined || connection.actor === actor);
  }

  // One at a time: it is no hurry, and must not outrun what authorize() asks.
  async #sweep(): Promise<void> {
    for (const connection of this.of({})) await connection.recheck();
    this.#sweeping = undefined;
    if (this.#byTenant.size > 0) this.#arm();
  }

  // One lookup for a tenant, however many its connections are.
  async #lookAgain(id: string | undefined): Promise<void> {
    for (const tenantId of id === undefined ? [...this.#byTenant.keys()] : [id]) {
      if (!this.#byTenant.has(tenantId)) continue;
      try {
        await outside(() => this.#host.run({ id: tenantId }, () => undefined));
      } catch (error) {
        // A registry that does not answer has shut nobody out: messages and the sweep ask again.
        if (isShutOut(error)) for (const connection of this.of({ tenantId })) connection.end();
      }
    }
  }

  #arm(): void {
    if (this.#sweepMs === false || this.#sweeping !== undefined) return;
    this.#sweeping = outside(() => setTimeout(() => void this.#sweep(), Number(this.#sweepMs)));
    this.#sweeping.unref();
  }
}

const SHUT_OUT: readonly string[] = [
  "PW_TENANT_UNKNOWN",
  "PW_TENANT_SUSPENDED",
  "PW_TENANT_NOT_READY",
];

function isShutOut(error: unknown): boolean {
  return error instanceof PartywallError && SHUT_OUT.includes(error.code);
}

/**
 * What is to be evicted from a scope. Throws `PW_CONFIG` where nobody is named, and `PW_SCOPE_SWITCH` where another tenant is
 * in a tenant's scope.
 */
export function evictionTarget(
  { tenant, principal }: Eviction,
  scope: Scope | undefined,
  keyOf: (principal: unknown) => string | undefined,
): Target {
  const actor = principal === undefined ? undefined : keyOf(principal);
  if ((tenant === undefined && principal === undefined) || (principal !== undefined && !actor))
    throw new PartywallError(
      "PW_CONFIG",
      "evict() was not told whose connections to close. Give it { tenant }, { principal } or both, and principalKey where principals are no strings and have no id.",
    );
  const own = scope?.kind === "tenant" ? scope.tenant.id : undefined;
  if (own !== undefined && tenant !== undefined && tenant !== own)
    throw foreign("evict() named another tenant");
  const tenantId = tenant ?? own;
  return {
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(actor === undefined ? {} : { actor }),
  };
}

/** Throws unless something may be sent to a tenant's connection from a scope. */
export function assertMaySend(scope: Scope | undefined, tenantId: string): void {
  if (scope?.kind === "system" || tenantIdOf(scope) === tenantId) return;
  throw foreign("Something was to be sent to a connection of another tenant");
}

/** The tenant whose connections a scope reaches; undefined for all, in a system scope. Throws where there is neither. */
export function tenantIdOf(scope: Scope | undefined): string | undefined {
  return scope?.kind === "system" ? undefined : tenantOf(scope).id;
}

/** The refusal of what another tenant's scope may not do. */
export function foreign(what: string): PartywallError {
  return new PartywallError(
    "PW_SCOPE_SWITCH",
    `${what} in a tenant's scope, so it was not done. Do it in that tenant's own scope, or in pw.system() for all.`,
  );
}
