import { isDeepStrictEqual } from "node:util";
import type { Guard, GuardedTenant } from "../../../scope/guard.js";
import type { Placement } from "../../../scope/tenant.js";
import type { HoldOptions } from "../../../guards/postgres/guard.js";
import { DEFAULT_SERVER } from "../../../guards/postgres/place.js";
import type { PgLogin } from "../../../guards/postgres/servers.js";
import type { TableSum } from "../../checksum.js";
import type { WatchOptions } from "../../progress.js";
import { refused } from "../../refusal.js";
import { Admins, type AdminClient, type AdminPg } from "../admin.js";
import { copyTenant } from "../copy.js";
import { matchTables } from "../match.js";
import type { Premises } from "../premises.js";
import { hasRows, ownColumns, sumInDatabase } from "../rows.js";
import type { Provisioner } from "../provisioner.js";
import type { ProvisionedTenant } from "../works.js";
import { moveSequences } from "../sequences.js";
import { readTables, titleOf, type PremisesTable } from "../tables.js";
import { inTransaction } from "../transaction.js";
import { assertKeyed, beginCapture, endCapture, isCapturing } from "./capture.js";
import { carryChanges, clearTables, mayReplicate, type MovedTable } from "./changes.js";
import { MoveJournal, type MoveEntry } from "./journal.js";

/** Tenants as a mover needs them; `pw.tenants` fits. */
export interface MovableTenants {
  get(key: string | { readonly slug: string }): Promise<{
    readonly id: string;
    readonly slug: string;
    readonly status: string;
    readonly placement: Placement;
  }>;
  relocate(id: string, from: Placement, to: Placement): Promise<unknown>;
}

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

/** What {@link tenantMover} takes. */
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

const FEW_CHANGES = 200;
const MOST_ROUNDS = 1000;

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

type Subject = Awaited<ReturnType<MovableTenants["get"]>>;

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
      const entry = await journal.open(tenant.id);
      if (entry?.step !== "kept") {
        throw refused(
          `The tenant ${tenant.slug} has no old copy to remove: it was not moved, or its move has not ended. Move it first.`,
        );
      }
      if (!isDeepStrictEqual(tenant.placement, entry.to)) {
        throw refused(
          `The registry says that ${tenant.slug} does not live where its move took it, so nothing was removed. Look at both places, and mend the record.`,
        );
      }
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
      const entry = await journal.open(tenant.id);
      if (entry === undefined) {
        throw refused(`The tenant ${tenant.slug} is not being moved. There is nothing to give up.`);
      }
      if (entry.step === "kept" || isDeepStrictEqual(tenant.placement, entry.to)) {
        throw refused(
          `The tenant ${tenant.slug} lives at its new place already. Move it back, or end the move with the same call that began it and confirm it.`,
        );
      }
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

  async #entry(tenant: Subject, to: Placement, journal: MoveJournal): Promise<MoveEntry> {
    const open = await journal.open(tenant.id);
    if (open !== undefined && isDeepStrictEqual(open.to, to)) return open;
    if (open !== undefined) {
      throw refused(
        open.step === "kept"
          ? `The old copy of ${tenant.slug} is still kept from its last move. Confirm that move first.`
          : `The tenant ${tenant.slug} is being moved to another place already. End that move, or give it up.`,
      );
    }
    if (tenant.status !== "active") {
      throw refused(
        `The tenant ${tenant.slug} is ${tenant.status}. Only an active tenant is moved.`,
      );
    }
    // Also under another login, or with its server named otherwise: a copy onto itself begins by emptying it.
    if (isDeepStrictEqual(siteOf(tenant.placement), siteOf(to))) {
      throw refused(`The tenant ${tenant.slug} lives there already.`);
    }
    return journal.begin(tenant.id, tenant.placement, to);
  }

  #claimed<T>(
    key: Parameters<TenantMover["move"]>[0],
    work: (tenant: Subject, journal: MoveJournal) => Promise<T>,
  ): Promise<T> {
    return this.#admins.with(undefined, undefined, async (client) => {
      const tenant = await this.#options.tenants.get(key);
      const journal = new MoveJournal(client);
      if (!(await journal.claim(tenant.id))) {
        throw refused(`Another process is moving ${tenant.slug}. Wait until it has ended.`);
      }
      return work(tenant, journal);
    });
  }

  async #between<T>(
    tenant: Subject,
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
    tenant: Subject,
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

const siteOf = ({ strategy, server = DEFAULT_SERVER, name }: Placement) => ({
  strategy,
  server,
  name,
});

const tablesOf = (premises: Premises): Promise<readonly PremisesTable[]> =>
  inTransaction(premises.client, "read", () => readTables(premises));

interface MoveParts extends MoverOptions, MoveOptions {
  readonly tenant: Subject;
  readonly entry: MoveEntry;
  readonly journal: MoveJournal;
  readonly from: Premises;
  readonly to: Premises;
}

/** One move, from wherever it was left. */
class Move {
  readonly #parts: MoveParts;
  #tables: readonly MovedTable[] = [];
  #changes = 0;

  constructor(parts: MoveParts) {
    this.#parts = parts;
  }

  async run(): Promise<MoveReport> {
    const { entry, journal, from, to, tenant } = this.#parts;
    this.#tables = await this.#match();
    const sources = this.#tables.map(({ source }) => source);
    // Where the registry says so the tenant lives there, whatever was noted before the mover was killed.
    const hasMoved = isDeepStrictEqual(tenant.placement, entry.to);
    let step = hasMoved && entry.step !== "kept" ? "cutting" : entry.step;
    let pauseMs = 0;
    if (step === "begun") {
      await this.#assertReady();
      await beginCapture(from, sources, entry.id);
      // What an interrupted copy left; nobody lives there yet.
      await clearTables(
        to,
        this.#tables.map(({ into }) => into),
      );
      await copyTenant(from, to, this.#watch());
      await journal.note(entry, "copied");
      step = "copied";
    }
    let sums: MoveReport["tables"] = [];
    if (step === "copied") {
      sums = await this.#catchUp();
      pauseMs = await this.#cut();
      step = "cutting";
    } else if (step === "cutting" && !hasMoved) {
      pauseMs = await this.#finishCut(Date.now());
    }
    if (step === "cutting") {
      await this.#leave();
      await endCapture(from, sources, entry.id);
      await journal.note(entry, "kept");
    }
    const { from: origin, to: target } = entry;
    return {
      tenantId: tenant.id,
      from: origin,
      to: target,
      tables: sums,
      changes: this.#changes,
      pauseMs,
    };
  }

  async #match(): Promise<readonly MovedTable[]> {
    const { from, to } = this.#parts;
    const sources = await tablesOf(from);
    const described = sources.map((table) => ({
      schema: table.schema,
      name: table.name,
      columns: ownColumns(table).map(({ name, type }) => ({ name, type })),
      estimate: 0,
    }));
    const matched = matchTables({ tables: described }, await tablesOf(to));
    return matched.map((one, at) => ({ ...one, source: sources[at]! }));
  }

  async #assertReady(): Promise<void> {
    const { from, to, tenant, entry } = this.#parts;
    assertKeyed(this.#tables.map(({ source }) => source));
    if (!(await mayReplicate(to))) {
      throw refused(
        "The admin login of the target may not set session_replication_role, without which changes cannot be carried over in any order. Use a superuser, or grant it SET on that parameter.",
      );
    }
    if (entry.to.strategy !== "row") return;
    const sources = this.#tables.map(({ source }) => source);
    if (await isCapturing(from, sources, entry.id)) return;
    // Rows of the tenant's in shared tables are an old copy that somebody may want, or a mistake.
    for (const { into } of this.#tables) {
      const there = await inTransaction(to.client, "read", () => hasRows(to.client, to, into));
      if (there) {
        throw refused(
          `The shared tables hold rows of ${tenant.slug} already (in ${titleOf(into)}), so nothing was copied. Remove them first: partywall tenant erase, or confirm the move that left them.`,
        );
      }
    }
  }

  #watch(): WatchOptions {
    const { onProgress, signal } = this.#parts;
    return { ...(onProgress && { onProgress }), ...(signal && { signal }) };
  }

  // Follows the writes until few are left, then compares both sides at one moment of the source.
  async #catchUp(): Promise<MoveReport["tables"]> {
    const { from, to, entry, signal } = this.#parts;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      signal?.throwIfAborted();
      const carried = await carryChanges(from, to, this.#tables, entry.id);
      this.#changes += carried;
      if (carried <= FEW_CHANGES) break;
    }
    let sums: MoveReport["tables"] = [];
    this.#changes += await carryChanges(from, to, this.#tables, entry.id, async () => {
      sums = await this.#compare();
    });
    return sums;
  }

  async #compare(): Promise<MoveReport["tables"]> {
    const { from, to, onProgress, signal, tenant } = this.#parts;
    const sums: MoveReport["tables"][number][] = [];
    const different: string[] = [];
    await inTransaction(to.client, "read", async () => {
      for (const { source, into, columns } of this.#tables) {
        signal?.throwIfAborted();
        const table = titleOf(source);
        const [one, other] = await Promise.all([
          sumInDatabase(from, source, ownColumns(source)),
          sumInDatabase(to, into, columns),
        ]);
        if (!isDeepStrictEqual(one, other)) different.push(table);
        sums.push({ table, ...one });
        onProgress?.({ phase: "compare", table, rows: one.rows, bytes: 0, estimate: one.rows });
      }
    });
    if (different.length === 0) return sums;
    throw refused(
      `The copy of ${tenant.slug} does not equal its origin in ${different.join(", ")}, so it was not cut over and lives where it did. Something else writes to the target; give the move up and begin again.`,
    );
  }

  // Holds the tenant's writes, carries the last changes, and goes past the point of return.
  async #cut(): Promise<number> {
    const { guard, tenant, entry, from, to, holdMs = 2000, attempts = 20, signal } = this.#parts;
    const held: GuardedTenant = { id: tenant.id, placement: entry.from };
    const graceMs = this.#parts.graceMs ?? holdMs / 2;
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      const began = Date.now();
      // For good only when all is carried: a mover that is killed here must not keep the tenant out.
      if (await guard.hold(held, { holdMs, graceMs })) {
        this.#changes += await carryChanges(from, to, this.#tables, entry.id);
        if (Date.now() - began < holdMs) return this.#finishCut(began);
      }
      await guard.release(held);
      if (attempt >= attempts) {
        throw refused(
          `The writes of ${tenant.slug} could not be held within ${holdMs} ms in ${attempts} tries: transactions outlast it, or it writes faster than changes are carried. It lives where it did; try again, or raise holdMs.`,
        );
      }
      this.#changes += await carryChanges(from, to, this.#tables, entry.id);
    }
  }

  async #finishCut(began: number): Promise<number> {
    const { guard, tenant, entry, journal, from, to, tenants, graceMs = 1000 } = this.#parts;
    const held: GuardedTenant = { id: tenant.id, placement: entry.from };
    const holdMs = Number.POSITIVE_INFINITY;
    if (!(await guard.hold(held, { holdMs, graceMs }))) {
      throw refused(
        `A transaction of ${tenant.slug} began while its writes were held. It lives where it did; run the move again.`,
      );
    }
    await journal.note(entry, "cutting");
    for (;;) {
      const carried = await carryChanges(from, to, this.#tables, entry.id, () => Promise.resolve());
      this.#changes += carried;
      if (carried === 0) break;
    }
    await inTransaction(to.client, "write", () => moveSequences(to, this.#tables));
    // One that was suspended meanwhile is let in where it lives then, when it is restored.
    const isActive = async () => (await tenants.get(tenant.id)).status === "active";
    const arrived: GuardedTenant = { id: tenant.id, placement: entry.to };
    if (await isActive()) await guard.admit(arrived);
    await tenants.relocate(tenant.id, entry.from, entry.to);
    const pauseMs = Date.now() - began;
    if (!(await isActive())) await guard.expel(arrived);
    return pauseMs;
  }

  // Nobody enters the old place any more. Where both are sealed in one database, admitting has replaced the old seal.
  async #leave(): Promise<void> {
    const { guard, tenant, entry } = this.#parts;
    const { from, to } = entry;
    const isSameSeal =
      from.strategy !== "database" && to.strategy !== "database" && from.server === to.server;
    if (!isSameSeal) await guard.expel({ id: tenant.id, placement: from });
  }
}
