import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { PartywallError } from "../../../errors.js";
import type { MovableTenant } from "../../move/tenants.js";
import type { WatchOptions } from "../../progress.js";
import { failed, refused } from "../../refusal.js";
import { compareTenant } from "../compare.js";
import { copyTenant } from "../copy.js";
import type { Premises } from "../premises.js";
import type { MoveJournal, NotedMove } from "./journal.js";
import type { MoveOptions, MoveReport, MoverOptions } from "./options.js";
import { sumsOf } from "./sums.js";
import { assertVacant, clear } from "./target.js";

const SETTLE_MS = 45_000;

interface MoveParts extends Pick<MoverOptions, "tenants" | "guard" | "homes">, MoveOptions {
  readonly tenant: MovableTenant;
  readonly entry: NotedMove;
  readonly journal: MoveJournal;
  readonly from: Premises;
  readonly to: Premises;
}

/** One move, from wherever it was left. */
export class Move {
  readonly #parts: MoveParts;
  #tables: MoveReport["tables"] = [];
  #shutAt: number | undefined;

  constructor(parts: MoveParts) {
    this.#parts = parts;
  }

  async run(): Promise<MoveReport> {
    const { tenant, entry, journal } = this.#parts;
    // Where the registry says so the tenant lives there, whatever was noted before the mover was killed.
    const hasMoved = isDeepStrictEqual(tenant.placement, entry.to);
    if (entry.step !== "kept") {
      if (!hasMoved) await this.#lettingIn(() => this.#carry());
      await letIn(this.#parts);
      await journal.note({ step: "kept" });
    }
    const { from, to } = entry;
    const pauseMs = this.#shutAt === undefined ? 0 : Math.round(performance.now() - this.#shutAt);
    return { tenantId: tenant.id, from, to, tables: this.#tables, pauseMs };
  }

  // Nothing has changed until the registry says so: where that is not reached, the tenant lives where it did.
  async #lettingIn(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { tenants, tenant, entry } = this.#parts;
      const now = await tenants.get(tenant.id).catch(() => undefined);
      if (now !== undefined && isDeepStrictEqual(now.placement, entry.to)) return;
      try {
        await letIn(this.#parts);
      } catch (second) {
        throw failed(
          `The move of ${tenant.slug} failed, and the tenant could not be let in again: it is suspended, and lives where it did. Call again to go on, or give the move up. The cause holds both errors.`,
          new AggregateError([error, second], "the move, and letting the tenant in"),
        );
      }
      throw error;
    }
  }

  async #carry(): Promise<void> {
    const { tenants, tenant, entry, journal, from, to, signal } = this.#parts;
    await this.#shut();
    signal?.throwIfAborted();
    if (!entry.filled) await assertVacant(to, tenant.slug);
    // A server that the guard does not know is told before anything is copied.
    await this.#parts.guard.admit({ id: tenant.id, placement: entry.to });
    await journal.note({ filled: true });
    if (entry.to.strategy !== "row") {
      await this.#parts.homes.provision({ id: tenant.id, slug: tenant.slug, placement: entry.to });
    }
    // What an interrupted copy left, and what a new home came with; nobody lives there yet.
    await clear(to, () => journal.assertHeld());
    signal?.throwIfAborted();
    await copyTenant(from, to, this.#watch());
    const comparison = await compareTenant(from, to, this.#watch());
    if (!comparison.same) {
      throw refused(
        `The copy of ${tenant.slug} does not equal its origin, so it lives where it did. Something else writes to one of them; give the move up and begin again.`,
      );
    }
    const sums = sumsOf(comparison);
    await journal.note({ step: "copied", left: sums });
    signal?.throwIfAborted();
    await journal.note({ step: "cutting" });
    this.#tables = sums;
    await tenants.relocate(tenant.id, entry.from, entry.to);
  }

  // By the registry, which every process asks: MongoDB itself knows of no tenants.
  async #shut(): Promise<void> {
    const { tenants, tenant, entry, journal, signal, settleMs = SETTLE_MS } = this.#parts;
    const isOurs = tenant.status === "suspended" && entry.shut;
    if (tenant.status !== "active" && !isOurs) {
      throw refused(
        `The tenant ${tenant.slug} is ${tenant.status}, and not by its move. Only an active tenant is moved. Restore it, or give the move up.`,
      );
    }
    await journal.note({ shut: true });
    this.#shutAt = performance.now();
    await tenants.suspend(tenant.id);
    const now = await tenants.get(tenant.id);
    if (!isDeepStrictEqual(now.placement, entry.from)) {
      throw refused(
        `The tenant ${tenant.slug} does not live any more where its move began, so nothing was copied. Give the move up and begin again.`,
      );
    }
    await sleep(settleMs, undefined, signal ? { signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  }

  #watch(): WatchOptions {
    const { onProgress, signal, journal } = this.#parts;
    return {
      onProgress: (progress) => {
        // Another mover that took over would be copying too.
        journal.assertHeld();
        onProgress?.(progress);
      },
      ...(signal && { signal }),
    };
  }
}

/** Lets a tenant in again that its mover has shut out. */
export async function letIn(
  parts: Pick<MoveParts, "tenants" | "tenant" | "journal">,
): Promise<void> {
  const { tenants, tenant, journal } = parts;
  if ((await journal.open())?.shut !== true) return;
  journal.assertHeld();
  const { status } = await tenants.get(tenant.id);
  if (status === "suspended") await tenants.restore(tenant.id);
  await journal.note({ shut: false });
}

/** Throws `PW_CONFIG` for what is no time to wait. */
export function assertSettleMs({ settleMs = SETTLE_MS }: MoveOptions): void {
  if (Number.isFinite(settleMs) && settleMs >= 0) return;
  throw new PartywallError(
    "PW_CONFIG",
    "move() got a `settleMs` that is no number of milliseconds from 0 on.",
  );
}
