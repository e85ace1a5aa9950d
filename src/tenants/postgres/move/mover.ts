import type { Placement } from "../../../scope/tenant.js";
import type { MoveEntry } from "../../move/entry.js";
import {
  alreadyMoving,
  confirmable,
  continued,
  revocable,
  type MovableTenant,
} from "../../move/tenants.js";
import { Admins, type AdminClient, type AdminPg } from "../admin.js";
import type { Premises } from "../premises.js";
import { endCapture, isCapturing } from "./capture.js";
import { clearTables } from "./changes.js";
import { MoveJournal } from "./journal.js";
import { Move, tablesOf } from "./move.js";
import type { MoveOptions, MoveReport, MoverOptions } from "./options.js";

/** Moves tenants between placements while they are in use. */
export interface TenantMover {
  /**
   * Copies the tenant's rows, follows its writes, compares both sides, holds its writes for a moment, and lets it live
   * there. The old copy is kept. A move that was interrupted goes on with the same call, wherever it was killed.
   * Throws `PW_TENANT_DATA_REFUSED` where it cannot begin, and where both sides do not come out equal; the tenant then
   * lives where it did.
   */
  move(
    key: string | { readonly slug: string },
    to: Placement,
    options?: MoveOptions,
  ): Promise<MoveReport>;
  /** Removes the old copy of a tenant that was moved. Throws `PW_TENANT_DATA_REFUSED` where there is none to remove. */
  confirm(key: string | { readonly slug: string }): Promise<void>;
  /**
   * Gives up a move that has not been cut over: what was copied is removed, and the tenant lives on where it does. Throws
   * `PW_TENANT_DATA_REFUSED` after the cut; move it back then.
   */
  giveUp(key: string | { readonly slug: string }): Promise<void>;
  /** The tenant's move that is neither confirmed nor given up. */
  status(key: string | { readonly slug: string }): Promise<MoveEntry | undefined>;
}

/**
 * Makes a mover of tenants between placements: rows of shared tables, a schema, a database, on one server or another.
 *
 * @param pg the caller's own `pg`, never the guarded one
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { createPartywall } from "partywall";
 * import { guardPg } from "partywall/guards/postgres";
 * import { provisioner, tenantMover } from "partywall/tenants";
 *
 * const admin = process.env["MIGRATION_URL"] ?? "";
 * const guard = guardPg(pg, { app: process.env["APP_URL"], system: process.env["SYSTEM_URL"] });
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"], postgres: guard });
 * const roles = { app: "shop_app", system: "shop_system" };
 * const homes = provisioner(pg, { admin, roles, template: { database: { database: "shop_template" } } });
 * const mover = tenantMover(pg, { tenants: pw.tenants, guard, admin, homes });
 * const report = await mover.move({ slug: "acme" }, { strategy: "database", name: "acme" });
 * console.log(`held for ${report.pauseMs} ms`);
 * await mover.confirm({ slug: "acme" });
 * ```
 */
export function tenantMover(pg: AdminPg, options: MoverOptions): TenantMover {
  return new Mover(pg, options);
}

class Mover implements TenantMover {
  readonly #options: MoverOptions;
  readonly #admins: Admins;

  constructor(pg: AdminPg, options: MoverOptions) {
    this.#options = options;
    this.#admins = new Admins(pg, options.admin, options.servers);
  }

  async move(
    key: Parameters<TenantMover["move"]>[0],
    to: Placement,
    options: MoveOptions = {},
  ): Promise<MoveReport> {
    return this.#claimed(key, async (tenant, journal) => {
      const entry = await this.#entry(tenant, to, journal);
      return this.#between(tenant, entry, (from, target) =>
        new Move({ ...this.#options, tenant, entry, journal, from, to: target, ...options }).run(),
      );
    });
  }

  async confirm(key: Parameters<TenantMover["move"]>[0]): Promise<void> {
    await this.#claimed(key, async (tenant, journal) => {
      const entry = confirmable(tenant, await journal.open(tenant.id));
      if (entry.from.strategy === "row") {
        await this.#at(tenant, entry.from, async (old) => clearTables(old, await tablesOf(old)));
      } else {
        await this.#options.homes.vacate({ ...tenant, placement: entry.from });
      }
      await journal.note(entry, "confirmed");
    });
  }

  async giveUp(key: Parameters<TenantMover["move"]>[0]): Promise<void> {
    await this.#claimed(key, async (tenant, journal) => {
      const entry = revocable(tenant, await journal.open(tenant.id));
      await this.#options.guard.release({ id: tenant.id, placement: entry.from });
      await this.#at(tenant, entry.from, async (from) => {
        const sources = await tablesOf(from);
        if (entry.to.strategy !== "row") {
          await this.#options.homes.vacate({ ...tenant, placement: entry.to });
        } else if (await isCapturing(from, sources, entry.id)) {
          // Otherwise nothing was copied, and rows that are there are not of this move.
          await this.#at(tenant, entry.to, async (target) =>
            clearTables(target, await tablesOf(target)),
          );
        }
        await endCapture(from, sources, entry.id);
      });
      await journal.note(entry, "given up");
    });
  }

  status(key: Parameters<TenantMover["move"]>[0]): Promise<MoveEntry | undefined> {
    return this.#admins.with(undefined, undefined, async (client) => {
      const { id } = await this.#options.tenants.get(key);
      return new MoveJournal(client).open(id);
    });
  }

  async #entry(tenant: MovableTenant, to: Placement, journal: MoveJournal): Promise<MoveEntry> {
    const open = continued(tenant, to, await journal.open(tenant.id));
    if (open !== undefined) return open;
    return journal.begin(tenant.id, tenant.placement, to);
  }

  #claimed<T>(
    key: Parameters<TenantMover["move"]>[0],
    work: (tenant: MovableTenant, journal: MoveJournal) => Promise<T>,
  ): Promise<T> {
    return this.#admins.with(undefined, undefined, async (client) => {
      const tenant = await this.#options.tenants.get(key);
      const journal = new MoveJournal(client);
      if (!(await journal.claim(tenant.id))) {
        throw alreadyMoving(tenant.slug);
      }
      return work(tenant, journal);
    });
  }

  async #between<T>(
    tenant: MovableTenant,
    { from, to }: MoveEntry,
    work: (from: Premises, to: Premises) => Promise<T>,
  ): Promise<T> {
    return this.#at(tenant, from, async (source) => {
      if (to.strategy !== "row") {
        await this.#options.homes.provision({ ...tenant, placement: to });
      }
      return this.#at(tenant, to, (target) => work(source, target));
    });
  }

  #at<T>(
    tenant: MovableTenant,
    placement: Placement,
    work: (premises: Premises) => Promise<T>,
  ): Promise<T> {
    const { strategy, server, name } = placement;
    const database = strategy === "database" ? name : undefined;
    const { tenantColumn, except } = this.#options;
    return this.#admins.with(server, database, (client: AdminClient) =>
      work({
        client,
        tenantId: tenant.id,
        strategy,
        ...(strategy === "schema" && name !== undefined ? { schema: name } : {}),
        ...(tenantColumn === undefined ? {} : { tenantColumn }),
        ...(except === undefined || strategy === "row" ? {} : { except }),
      }),
    );
  }
}
