import type { MongoGuard } from "../../../guards/mongodb/guard.js";
import type { Placement, Tenant } from "../../../scope/tenant.js";
import type { TableSum } from "../../checksum.js";
import type { ProvisionedTenant } from "../../home.js";
import type { MovableTenant } from "../../move/tenants.js";
import type { WatchOptions } from "../../progress.js";
import type { Provisioner } from "../provisioner.js";

/** Tenants as a mover needs them; `pw.tenants` fits. */
export interface MovableTenants {
  get(key: string | { readonly slug: string }): Promise<MovableTenant>;
  relocate(id: string, from: Placement, to: Placement): Promise<unknown>;
  /** Shuts a tenant out, by the registry in every process and by the guard in this one. */
  suspend(id: string): Promise<unknown>;
  restore(id: string): Promise<unknown>;
}

/** Homes, as they are made and taken down; a `provisioner()` fits. */
export type HomeBuilder = Pick<Provisioner, "provision"> & {
  /** Takes down a home that the tenant has moved out of; idempotent. */
  vacate(tenant: ProvisionedTenant): Promise<unknown>;
};

/** What `tenantMover` takes. */
export interface MoverOptions {
  readonly tenants: MovableTenants;
  /** The guard the application uses, `pw.mongodb`. */
  readonly guard: Pick<MongoGuard, "admit" | "tenantField">;
  /**
   * Connection string of a login of the default server that may read and write every tenant's documents and the database
   * `partywall`, with the name of the database that tenants share by row, as in the guard's `app`.
   */
  readonly admin: string;
  /** The same of further servers, by the names that placements use. */
  readonly servers?: Readonly<Record<string, string>>;
  /** Makes the databases of tenants' own, and takes them down: a `provisioner()`. */
  readonly homes: HomeBuilder;
  /** Name of the instance whose tenants these are; `"default"` unless told, as for `createPartywall()`. */
  readonly realm?: string;
  /** A tenant's value of the guard's `tenantField`, as given to `guardMongo()`; its id unless told. */
  readonly tenantValue?: (tenant: Tenant) => unknown;
  /** Collections that are no tenant's, as given to `guardMongo()`; they stay where they are. Default none. */
  readonly shared?: readonly string[];
}

/** How one move goes about it. */
export interface MoveOptions extends WatchOptions {
  /**
   * How long, once the tenant is shut out, other processes are given to hear of it and to end what they have open, in
   * milliseconds. At least `cache.ttlMs` of `createPartywall()` and your longest scope; 45,000 unless told; 0 where this process is the
   * only one.
   */
  readonly settleMs?: number;
}

/** How an old copy is removed. */
export interface ConfirmOptions {
  /** Removes it also where it was written to after the tenant had left; what was written is lost then. Default false. */
  readonly discardLateWrites?: boolean;
}

/** What a move did. */
export interface MoveReport {
  readonly tenantId: string;
  readonly from: Placement;
  readonly to: Placement;
  /** The same on both sides, before the registry was changed; empty where an earlier call has done that. */
  readonly tables: readonly MovedTable[];
  /** How long the tenant was shut out by this call, in milliseconds. */
  readonly pauseMs: number;
}

/** A collection of which documents were moved, and what they come to. */
export type MovedTable = { readonly table: string } & TableSum;
