import { isDeepStrictEqual } from "node:util";
import { unknownTenant } from "../scope/enterable.js";
import type { Guard, GuardedTenant } from "../scope/guard.js";
import type { TenantStatus } from "../scope/tenant.js";
import { isTenantId } from "../scope/names.js";
import type { TenantPatch, TenantRecord } from "./record.js";
import type { Registry } from "./registry.js";
import { STATUS_RULES } from "./status.js";
import { conflict, exists, guardsFailed, misplaced, notProvisioned } from "./tenant-errors.js";

const ATTEMPTS = 3;

/** What follows the changes of a tenant's record. */
export interface LifeFollowers {
  readonly guards: readonly Guard[];
  /** Makes the place in which a new tenant lives; idempotent. */
  readonly provision?:
    | ((tenant: GuardedTenant & { readonly slug: string }) => Promise<void>)
    | undefined;
}

/** Changes of a tenant's record, and what the guards must do with each change of status. */
export class TenantLife {
  readonly #registry: Registry;
  readonly #guards: readonly Guard[];
  readonly #provision: LifeFollowers["provision"];

  constructor(registry: Registry, followers: LifeFollowers) {
    this.#registry = registry;
    this.#guards = followers.guards;
    this.#provision = followers.provision;
  }

  /** Records a new tenant as provisioning, makes its place, lets the guards admit it and makes it active. */
  async create(record: TenantRecord, mayResume: boolean): Promise<TenantRecord> {
    const provisioning = await this.#insert(record, mayResume);
    const retry = `pw.tenants.create() with id ${JSON.stringify(record.id)} and the same values`;
    await this.#makePlace(provisioning, retry);
    await this.#admit(provisioning, retry);
    return this.#activate(provisioning);
  }

  /** Lets a suspended tenant in again: every guard first, then the registry. */
  async restore(id: string): Promise<TenantRecord> {
    const record = await this.read(id);
    if (record.status === "provisioning") throw misplaced(record, "active");
    assertMove(record, "active");
    await this.#admit(record, "pw.tenants.restore()");
    return this.#activate(record);
  }

  /** Shuts a tenant out: the registry first, then the cache, then every guard. */
  async shutOut(status: "suspended" | "deleted", id: string, retry: string): Promise<TenantRecord> {
    const record = await this.#moveTo(status, id);
    await this.#expel(record, retry);
    return record;
  }

  /** The record straight from the store, so that one whose fields no longer fit the schema can be corrected. */
  async read(id: string): Promise<TenantRecord> {
    const record = isTenantId(id) ? await this.#stored(id) : undefined;
    if (record === undefined) throw unknownTenant();
    return record;
  }

  /** The changed record; undefined when somebody changed it first. */
  async change(
    record: TenantRecord,
    changes: Omit<TenantPatch, "updatedAt">,
  ): Promise<TenantRecord | undefined> {
    const patch: TenantPatch = { ...changes, updatedAt: new Date().toISOString() };
    try {
      const outcome = await this.#registry.outsideScopes(() =>
        this.#registry.store.update(record.id, record.version, patch),
      );
      if (outcome === "slug-taken") throw exists("slug");
      if (outcome === "domain-taken") throw exists("domain");
      if (outcome === "conflict") return undefined;
      return Object.freeze({ ...record, ...patch, version: record.version + 1 });
    } finally {
      // Also after a failure: the store may have changed the record before the connection broke.
      this.#registry.invalidate(record.id);
    }
  }

  async #insert(record: TenantRecord, mayResume: boolean): Promise<TenantRecord> {
    const outcome = await this.#registry.outsideScopes(() => this.#registry.store.insert(record));
    this.#registry.invalidate(record.id);
    if (outcome === "inserted") return record;
    // Only a repeat of the very same request resumes: two sign-ups for one slug must not share a tenant.
    const existing = mayResume ? await this.#stored(record.id) : undefined;
    if (existing?.status === "provisioning" && isSameRequest(existing, record)) return existing;
    throw exists(outcome === "slug-taken" ? "slug" : "id");
  }

  async #activate(record: TenantRecord): Promise<TenantRecord> {
    let seen = record;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const active = await this.change(seen, { status: "active" });
      if (active !== undefined) return active;
      const now = await this.#stored(record.id);
      if (now?.status === "active") {
        // Somebody else took the same step; of two creates only one may believe that the tenant is its own.
        if (record.status === "provisioning") throw exists("id");
        return now;
      }
      if (now?.status !== record.status) break;
      seen = now;
    }
    // The guards have admitted a tenant that the registry no longer wants in.
    await this.#expel(record, "pw.tenants.suspend()");
    throw conflict(record.id);
  }

  async #moveTo(status: "suspended" | "deleted", id: string): Promise<TenantRecord> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const record = await this.read(id);
      assertMove(record, status);
      this.#registry.invalidate(id);
      // A deleted tenant's domain leads nowhere, and may be another's.
      const changes = status === "deleted" ? { status, domains: [] } : { status };
      const moved = record.status === status ? record : await this.change(record, changes);
      if (moved !== undefined) return moved;
    }
    throw conflict(id);
  }

  #stored(id: string): Promise<TenantRecord | undefined> {
    return this.#registry.outsideScopes(() => this.#registry.store.find({ id }));
  }

  async #makePlace({ id, slug, placement }: TenantRecord, retry: string): Promise<void> {
    const provision = this.#provision;
    if (provision === undefined) return;
    try {
      await this.#registry.outsideScopes(async () => provision({ id, slug, placement }));
    } catch (cause) {
      throw notProvisioned(id, retry, cause);
    }
  }

  #admit({ id, placement }: TenantRecord, retry: string): Promise<void> {
    return this.#tell(
      (guard) => guard.admit({ id, placement }),
      `A guard could not admit tenant ${JSON.stringify(id)}, so it is not active. Repeat ${retry}.`,
    );
  }

  #expel({ id, placement }: TenantRecord, retry: string): Promise<void> {
    return this.#tell(
      (guard) => guard.expel({ id, placement }),
      `The registry shuts tenant ${JSON.stringify(id)} out, but a guard could not end it in its database. Repeat ${retry}.`,
    );
  }

  async #tell(call: (guard: Guard) => Promise<void>, message: string): Promise<void> {
    const outcomes = await this.#registry.outsideScopes(() =>
      Promise.allSettled(this.#guards.map(async (guard) => call(guard))),
    );
    const faults = outcomes.flatMap((one) =>
      one.status === "rejected" ? [one.reason as unknown] : [],
    );
    if (faults.length > 0) throw guardsFailed(message, faults);
  }
}

function isSameRequest(a: TenantRecord, b: TenantRecord): boolean {
  return (["id", "slug", "name", "placement", "fields"] as const).every((key) =>
    isDeepStrictEqual(a[key], b[key]),
  );
}

function assertMove(record: TenantRecord, to: keyof typeof STATUS_RULES): void {
  const allowed: readonly TenantStatus[] = STATUS_RULES[to];
  if (allowed.includes(record.status)) return;
  throw record.status === "deleted" ? unknownTenant() : misplaced(record, to);
}
