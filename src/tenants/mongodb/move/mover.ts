import { isDeepStrictEqual } from "node:util";
import { PartywallError } from "../../../errors.js";
import { assertRealm } from "../../../scope/realm.js";
import type { Placement, Tenant } from "../../../scope/tenant.js";
import type { MoveEntry } from "../../move/entry.js";
import {
  alreadyMoving,
  confirmable,
  continued,
  revocable,
  type MovableTenant,
} from "../../move/tenants.js";
import { refused } from "../../refusal.js";
import { Admins, type AdminClient, type AdminMongo } from "../admin.js";
import { assertDatabaseName, JOURNAL_DATABASE } from "../database-name.js";
import { assertPlaceable } from "../placeable.js";
import { homeOf } from "../../home.js";
import type { Bson, Premises } from "../premises.js";
import { MoveJournal, type NotedMove } from "./journal.js";
import { assertSettleMs, letIn, Move } from "./move.js";
import type { ConfirmOptions, MoveOptions, MoveReport, MoverOptions } from "./options.js";
import { sumsAt } from "./sums.js";
import { clear } from "./target.js";

/** Moves tenants between placements. */
export interface TenantMover {
  /**
   * Shuts the tenant out, copies its documents, compares both sides, lets it live there and in again. The old copy is kept. A move
   * that was interrupted goes on with the same call, wherever it was killed; until then the tenant stays shut out. Throws
   * `PW_TENANT_DATA_REFUSED` where it cannot begin, and where both sides do not come out equal; the tenant then lives where it did.
   */
  move(
    key: string | { readonly slug: string },
    to: Placement,
    options?: MoveOptions,
  ): Promise<MoveReport>;
  /**
   * Removes the old copy of a tenant that was moved. Throws `PW_TENANT_DATA_REFUSED` where there is none to remove, and where it was
   * written to after the tenant had left.
   */
  confirm(key: string | { readonly slug: string }, options?: ConfirmOptions): Promise<void>;
  /**
   * Gives up a move that has not been cut over: what was copied is removed, and the tenant lives on where it does. Throws
   * `PW_TENANT_DATA_REFUSED` after the cut; move it back then.
   */
  giveUp(key: string | { readonly slug: string }): Promise<void>;
  /** The tenant's move that is neither confirmed nor given up. */
  status(key: string | { readonly slug: string }): Promise<MoveEntry | undefined>;
}

/**
 * Makes a mover of tenants between placements: documents in shared collections, a database, on one server or another.
 *
 * @param mongodb the caller's own `mongodb`, never the guarded one
 *
 * @example
 * ```ts
 * import * as mongodb from "mongodb";
 * import { createPartywall } from "partywall";
 * import { guardMongo } from "partywall/guards/mongodb";
 * import { provisioner, tenantMover } from "partywall/tenants/mongodb";
 *
 * const admin = process.env["ADMIN_MONGODB_URL"] ?? "";
 * const guard = guardMongo(mongodb, { app: process.env["MONGODB_URL"] });
 * const pw = createPartywall({ secret: process.env["PARTYWALL_SECRET"], mongodb: guard });
 * const homes = provisioner(mongodb, { admin, template: { database: "shop" } });
 * const mover = tenantMover(mongodb, { tenants: pw.tenants, guard, admin, homes });
 * const report = await mover.move({ slug: "acme" }, { strategy: "database", name: "t_acme" });
 * console.log(`shut out for ${report.pauseMs} ms`);
 * await mover.confirm({ slug: "acme" });
 * ```
 */
export function tenantMover(
  mongodb: AdminMongo & { readonly BSON: Bson },
  options: MoverOptions,
): TenantMover {
  return new Mover(mongodb, options);
}

type Key = Parameters<TenantMover["move"]>[0];

class Mover implements TenantMover {
  readonly #options: MoverOptions;
  readonly #realm: string;
  readonly #bson: Bson;
  readonly #admins: Admins;

  constructor(mongodb: AdminMongo & { readonly BSON: Bson }, options: MoverOptions) {
    const { realm = "default" } = options;
    assertRealm(realm);
    this.#options = options;
    this.#realm = realm;
    this.#bson = mongodb.BSON;
    this.#admins = new Admins(mongodb, options.admin, options.servers);
  }

  async move(key: Key, to: Placement, options: MoveOptions = {}): Promise<MoveReport> {
    assertSettleMs(options);
    await this.#assertReachable(to);
    return this.#claimed(key, async (tenant, journal) => {
      const open = continued(tenant, to, await journal.open());
      const entry = open ?? (await journal.begin(tenant.placement, to));
      const { tenants, guard, homes } = this.#options;
      return this.#at(tenant, entry.from, (from) =>
        this.#at(tenant, entry.to, (target) =>
          new Move({
            ...options,
            tenants,
            guard,
            homes,
            tenant,
            entry,
            journal,
            from,
            to: target,
          }).run(),
        ),
      );
    });
  }

  // Before anything is noted: a move that cannot be made would have to be given up.
  async #assertReachable(to: Placement): Promise<void> {
    assertPlaceable(to);
    await this.#admins.with(to.server, async (client) => {
      if (to.strategy === "database") await assertDatabaseName(client, to.name ?? "", []);
    });
  }

  async confirm(key: Key, { discardLateWrites = false }: ConfirmOptions = {}): Promise<void> {
    await this.#claimed(key, async (tenant, journal) => {
      const entry = confirmable(tenant, await journal.open());
      const { from } = entry;
      await this.#at(tenant, from, async (old) => {
        if (!entry.removing && !discardLateWrites) await this.#assertAsLeft(tenant, entry, old);
        await journal.note({ removing: true });
        if (from.strategy === "row") await clear(old, () => journal.assertHeld());
        else await this.#options.homes.vacate({ ...tenant, placement: from });
      });
      await journal.note({ step: "confirmed" });
    });
  }

  // A process that had not heard of the move may have written to the old place.
  async #assertAsLeft(tenant: MovableTenant, { left }: NotedMove, old: Premises): Promise<void> {
    if (isDeepStrictEqual(await sumsAt(old), left)) return;
    throw refused(
      `The old copy of ${tenant.slug} is not as it was when the tenant left, so nothing was removed: a process that had not heard of the move wrote to it. Carry over what was written, then confirm with \`discardLateWrites\`.`,
    );
  }

  async giveUp(key: Key): Promise<void> {
    await this.#claimed(key, async (tenant, journal) => {
      const entry = revocable(tenant, await journal.open());
      const { tenants, homes } = this.#options;
      // Otherwise nothing was copied, and what is there is not of this move.
      if (entry.filled) {
        if (entry.to.strategy === "row") {
          await this.#at(tenant, entry.to, (target) => clear(target, () => journal.assertHeld()));
        } else await homes.vacate({ ...tenant, placement: entry.to });
      }
      await letIn({ tenants, tenant, journal });
      await journal.note({ step: "given up" });
    });
  }

  async status(key: Key): Promise<MoveEntry | undefined> {
    const { id } = await this.#options.tenants.get(key);
    const open = await this.#admins.with(undefined, (client) =>
      MoveJournal.open(client, this.#realm, id),
    );
    if (open === undefined) return undefined;
    const { tenantId, from, to, step } = open;
    return { id: open.id, tenantId, from, to, step };
  }

  #claimed<T>(
    key: Key,
    work: (tenant: MovableTenant, journal: MoveJournal) => Promise<T>,
  ): Promise<T> {
    const { tenants } = this.#options;
    return this.#admins.with(undefined, async (client) => {
      assertApart(client);
      const { id, slug } = await tenants.get(key);
      const journal = await MoveJournal.claim(client, this.#realm, id);
      if (journal === undefined) throw alreadyMoving(slug);
      try {
        // What another mover did while this one waited.
        return await work(await tenants.get(id), journal);
      } finally {
        await journal.release();
      }
    });
  }

  #at<T>(
    tenant: MovableTenant,
    placement: Placement,
    work: (premises: Premises) => Promise<T>,
  ): Promise<T> {
    return this.#admins.with(placement.server, (client) =>
      work(this.#premises(client, tenant, placement)),
    );
  }

  #premises(client: AdminClient, tenant: MovableTenant, placement: Placement): Premises {
    const { guard, shared = [], tenantValue } = this.#options;
    const { id: tenantId } = tenant;
    const common = { client, bson: this.#bson, tenantId, shared };
    if (placement.strategy !== "row") {
      const database = homeOf({ ...tenant, placement });
      return { ...common, strategy: "database", database, realm: this.#realm };
    }
    return {
      ...common,
      strategy: "row",
      database: client.db().databaseName,
      tenantField: guard.tenantField,
      // A record of the registry is a tenant, and more.
      ...(tenantValue && { tenantValue: tenantValue(tenant as unknown as Tenant) }),
    };
  }
}

// A tenant that could write the journal could have another one's documents removed.
function assertApart(client: AdminClient): void {
  if (client.db().databaseName.toLowerCase() !== JOURNAL_DATABASE) return;
  throw new PartywallError(
    "PW_CONFIG",
    `The database that tenants share is called ${JSON.stringify(JOURNAL_DATABASE)}, where the record of moves has to be out of their reach. Give it another name.`,
  );
}
