import { randomUUID } from "node:crypto";
import type { MongoDocument } from "../../../guards/mongodb/driver.js";
import type { Placement } from "../../../scope/tenant.js";
import type { MoveEntry, MoveStep } from "../../move/entry.js";
import type { AdminClient, AdminCollection } from "../admin.js";
import { JOURNAL_DATABASE } from "../database-name.js";
import { DEAD_AFTER_MS, Lease } from "../lease.js";
import type { MovedTable } from "./options.js";

/** What is noted of a move beside how far it has come. */
export interface MoveNotes {
  /** Whether the mover has shut the tenant out, or was about to. */
  readonly shut: boolean;
  /** Whether documents of this move may be at the target, which was empty before. */
  readonly filled: boolean;
  /** What the old copy was when it was left, collection by collection; absent before. */
  readonly left?: readonly MovedTable[];
  /** Whether the old copy is being removed. */
  readonly removing: boolean;
}

export type NotedMove = MoveEntry & MoveNotes;

/** A mover that was killed is noticed by its lease. */
const CLAIM_MS = DEAD_AFTER_MS + 2000;
const DUPLICATE_KEY = 11_000;
const OPEN: ReadonlySet<unknown> = new Set<MoveStep>(["begun", "copied", "cutting", "kept"]);

/**
 * The record of the last move of a tenant, one document in a database that no scope of a tenant reaches; what survives a mover that
 * was killed.
 */
export class MoveJournal {
  readonly #moves: AdminCollection;
  readonly #id: string;
  readonly #lease: Lease;

  private constructor(moves: AdminCollection, id: string, lease: Lease) {
    this.#moves = moves;
    this.#id = id;
    this.#lease = lease;
  }

  /** Keeps every other mover of this tenant away until it is released. Undefined where one is at work. */
  static async claim(
    client: AdminClient,
    realm: string,
    tenantId: string,
  ): Promise<MoveJournal | undefined> {
    const moves = movesIn(client);
    const id = idOf(realm, tenantId);
    const holder = Lease.holder();
    const since = performance.now();
    try {
      await moves.insertOne({ _id: id, realm, tenantId, ...Lease.member(holder) });
      return new MoveJournal(moves, id, Lease.inserted(moves, id, holder, since));
    } catch (error) {
      if ((error as { code?: unknown }).code !== DUPLICATE_KEY) throw error;
    }
    const lease = await Lease.take(moves, id, CLAIM_MS);
    // Nobody removes what is noted of a tenant.
    return lease === undefined || lease === "gone" ? undefined : new MoveJournal(moves, id, lease);
  }

  /** The move of a tenant that is neither confirmed nor given up. */
  static async open(
    client: AdminClient,
    realm: string,
    tenantId: string,
  ): Promise<NotedMove | undefined> {
    return readMove(await movesIn(client).findOne({ _id: idOf(realm, tenantId) }));
  }

  async open(): Promise<NotedMove | undefined> {
    return readMove(await this.#moves.findOne({ _id: this.#id }));
  }

  async begin(from: Placement, to: Placement): Promise<NotedMove> {
    const move = {
      id: randomUUID(),
      from: plain(from),
      to: plain(to),
      step: "begun" satisfies MoveStep,
      shut: false,
      filled: false,
      removing: false,
      begunAt: new Date(),
    };
    await this.#lease.change({ $set: { move } });
    return (await this.open())!;
  }

  async note(notes: Partial<MoveNotes> & { readonly step?: MoveStep }): Promise<void> {
    const changes = Object.entries(notes).map(([name, value]) => [`move.${name}`, value]);
    await this.#lease.change({
      $set: { ...Object.fromEntries(changes), "move.changedAt": new Date() },
    });
  }

  /** Throws `PW_TENANT_DATA_FAILED` where another mover may have taken over. */
  assertHeld(): void {
    this.#lease.assertHeld();
  }

  release(): Promise<void> {
    return this.#lease.release();
  }
}

const movesIn = (client: AdminClient): AdminCollection =>
  client.db(JOURNAL_DATABASE).collection("moves");

// Neither has a zero byte or a quote that is not escaped.
const idOf = (realm: string, tenantId: string): string => JSON.stringify([realm, tenantId]);

function readMove(document: MongoDocument | null): NotedMove | undefined {
  const move = document?.["move"] as (Omit<NotedMove, "tenantId"> & MongoDocument) | undefined;
  if (move === undefined || !OPEN.has(move.step)) return undefined;
  const { id, from, to, step, shut, filled, removing, left } = move;
  const tenantId = String(document?.["tenantId"]);
  const notes = { shut, filled, removing, ...(left !== undefined && { left }) };
  return { id, tenantId, from, to, step, ...notes };
}

// The driver writes null for what is undefined.
const plain = (placement: Placement): Placement =>
  JSON.parse(JSON.stringify(placement)) as Placement;
