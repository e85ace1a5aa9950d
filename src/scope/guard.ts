import type { TenantKey } from "./directory.js";
import type { Scope } from "./scope.js";
import type { Placement } from "./tenant.js";

/** What a Partywall instance hands to each of its guards when it is constructed. */
export interface GuardHost {
  /** Name of the Partywall instance. */
  readonly realm: string;
  /** The scope current where this is called, in this realm; read it when the caller issues a statement. */
  readonly scope: () => Scope | undefined;
  /** Runs `fn` in the scope of a tenant, as `pw.run()` does; for hosts whose calls name their tenant. */
  readonly run: <T>(tenant: TenantKey, fn: () => T) => Promise<Awaited<T>>;
  /**
   * 32 bytes derived from each of the instance's secrets, newest first, for one purpose and subject.
   * Throws `PW_CONFIG` when no secret is configured.
   */
  readonly derive: (purpose: string, subject: string) => readonly Buffer[];
  /** Reports an access the guard refused, for the audit log; never holds a row, a parameter or SQL text. */
  readonly denied: (event: DeniedAccess) => void;
  /** Says that a tenant does not live where its placement says, so that its record is read again. */
  readonly relocated: (tenantId: string) => void;
  /** Where an active tenant lives, as the store has it now. Rejects as opening its scope would. */
  readonly placement: (tenantId: string) => Promise<Placement>;
  /** Reports, for the audit log, that the guard lets statements pass its wall for a time. */
  readonly rolloutOpen: (event: OpenGuardRollout) => void;
}

/** A guard whose wall is still being rolled out. */
export interface OpenGuardRollout {
  readonly wire: string;
  /** When it ends, as ISO 8601 in UTC. */
  readonly until: string;
}

/** An access a guard refused. */
export interface DeniedAccess {
  /** Error code of the refusal. */
  readonly code: string;
  /** Which wire refused it. */
  readonly wire: string;
  /** The tenant whose scope issued it, if any. */
  readonly tenantId?: string;
}

/** The tenant as a guard sees it. */
export interface GuardedTenant {
  readonly id: string;
  readonly placement: Placement;
}

/** The guard of one database wire, as a Partywall instance drives it. */
export interface Guard {
  readonly wire: string;
  /** Binds the guard to an instance; a guard belongs to one instance only. Throws `PW_CONFIG` on a second. */
  attach(host: GuardHost): void;
  /** Lets the database accept the tenant; idempotent. Called before a tenant becomes active. */
  admit(tenant: GuardedTenant): Promise<void>;
  /** Makes the database refuse the tenant, then waits for or ends what it still runs; idempotent. */
  expel(tenant: GuardedTenant): Promise<void>;
  /** Proves that the wall stands; throws otherwise. */
  ready(): Promise<void>;
  /** Closes every connection. */
  close(): Promise<void>;
}
