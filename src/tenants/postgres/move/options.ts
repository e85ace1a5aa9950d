import type { HoldOptions } from "../../../guards/postgres/options.js";
import type { PgLogin } from "../../../guards/postgres/servers.js";
import type { Guard, GuardedTenant } from "../../../scope/guard.js";
import type { Placement } from "../../../scope/tenant.js";
import type { TableSum } from "../../checksum.js";
import type { ProvisionedTenant } from "../../home.js";
import type { MovableTenants } from "../../move/tenants.js";
import type { WatchOptions } from "../../progress.js";
import type { Provisioner } from "../provisioner.js";

/** The guard as a mover needs it; `pw.postgres` fits. */
export interface HoldingGuard extends Pick<Guard, "admit" | "expel"> {
  hold(tenant: GuardedTenant, options: HoldOptions): Promise<boolean>;
  release(tenant: GuardedTenant): Promise<void>;
}

/** Homes, as they are made and taken down; a `provisioner()` fits. */
export type HomeBuilder = Pick<Provisioner, "provision"> & {
  /** Takes down a home that the tenant has moved out of; idempotent. */
  vacate(tenant: ProvisionedTenant): Promise<unknown>;
};

/** What `tenantMover` takes. */
export interface MoverOptions {
  readonly tenants: MovableTenants;
  readonly guard: HoldingGuard;
  /** A login that owns the tables, or a superuser, on the default server. */
  readonly admin: PgLogin;
  /** The same on the further servers, by their names. */
  readonly servers?: Readonly<Record<string, PgLogin>>;
  /** Makes homes for the strategies `schema` and `database`, and takes them down: a `provisioner()`. */
  readonly homes: HomeBuilder;
  /** Name of the tenant column, where tables have one. Default `"tenant_id"`. */
  readonly tenantColumn?: string;
  /** Tables of a tenant's own schema or database that hold no rows of its own, `schema.name`. Default: none. */
  readonly except?: readonly string[];
}

/** How one move goes about it. */
export interface MoveOptions extends WatchOptions {
  /** How long writes may be held for the last changes before the cut is put off, in milliseconds; default 2,000. */
  readonly holdMs?: number;
  /** How long transactions under way are waited for while writes are held, in milliseconds; default half of `holdMs`. */
  readonly graceMs?: number;
  /** How often the cut is tried before the move is left for another time; default 20. */
  readonly attempts?: number;
}

/** What a move did. */
export interface MoveReport {
  readonly tenantId: string;
  readonly from: Placement;
  readonly to: Placement;
  /** The same on both sides, of one moment before the cut. */
  readonly tables: readonly ({ readonly table: string } & TableSum)[];
  /** How many changes were carried over after the copy. */
  readonly changes: number;
  /** How long writes were held at the cut, in milliseconds. */
  readonly pauseMs: number;
}
