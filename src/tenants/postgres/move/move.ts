import { isDeepStrictEqual } from "node:util";
import type { GuardedTenant } from "../../../scope/guard.js";
import type { MoveEntry } from "../../move/entry.js";
import type { MovableTenant } from "../../move/tenants.js";
import type { WatchOptions } from "../../progress.js";
import { refused } from "../../refusal.js";
import { copyTenant } from "../copy.js";
import { matchTables } from "../match.js";
import type { Premises } from "../premises.js";
import { hasRows, ownColumns, sumInDatabase } from "../rows.js";
import { moveSequences } from "../sequences.js";
import { readTables, titleOf, type PremisesTable } from "../tables.js";
import { inTransaction } from "../transaction.js";
import { assertKeyed, beginCapture, endCapture, isCapturing } from "./capture.js";
import { carryChanges, clearTables, mayReplicate, type MovedTable } from "./changes.js";
import type { MoveJournal } from "./journal.js";
import type { MoveOptions, MoveReport, MoverOptions } from "./options.js";

const FEW_CHANGES = 200;
const MOST_ROUNDS = 1000;

interface MoveParts extends MoverOptions, MoveOptions {
  readonly tenant: MovableTenant;
  readonly entry: MoveEntry;
  readonly journal: MoveJournal;
  readonly from: Premises;
  readonly to: Premises;
}

/** One move, from wherever it was left. */
export class Move {
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

/** The tables at a place, as they are now. */
export const tablesOf = (premises: Premises): Promise<readonly PremisesTable[]> =>
  inTransaction(premises.client, "read", () => readTables(premises));
