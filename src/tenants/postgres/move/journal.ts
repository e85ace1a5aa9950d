import { setTimeout as sleep } from "node:timers/promises";
import type { SqlClient } from "../../../guards/postgres/ddl/catalog.js";
import type { Placement } from "../../../scope/tenant.js";
import type { MoveEntry, MoveStep } from "../../move/entry.js";

/** The server takes a moment to notice that a mover that held the tenant was killed. */
const CLAIM_MS = 3000;

const TABLE = `create schema if not exists partywall;
revoke all on schema partywall from public;
create table if not exists partywall.moves (
  id uuid primary key default gen_random_uuid(), tenant text not null, origin jsonb not null, target jsonb not null,
  step text not null default 'begun', begun_at timestamptz not null default now(), changed_at timestamptz not null default now());
create unique index if not exists moves_open on partywall.moves (tenant) where step not in ('confirmed', 'given up');
revoke all on partywall.moves from public`;

const ENTRY = `id::text as id, tenant as "tenantId", origin as "from", target as "to", step`;

/** The record of moves, in the default server's own database; what survives a mover that was killed. */
export class MoveJournal {
  readonly #client: SqlClient;

  constructor(client: SqlClient) {
    this.#client = client;
  }

  /**
   * Makes the journal, and keeps every other mover of this tenant away while the connection lasts. False where one is at
   * work.
   */
  async claim(tenantId: string): Promise<boolean> {
    await this.#make();
    const deadline = Date.now() + CLAIM_MS;
    for (;;) {
      const { rows } = await this.#client.query(
        "select pg_catalog.pg_try_advisory_lock(7025, pg_catalog.hashtext($1)) as mine",
        [tenantId],
      );
      if (rows[0]?.["mine"] === true) return true;
      if (Date.now() >= deadline) return false;
      await sleep(50);
    }
  }

  // Two that make it at once would collide in the catalogue.
  async #make(): Promise<void> {
    await this.#client.query(
      `begin; select pg_catalog.pg_advisory_xact_lock(7025, 0); ${TABLE}; commit`,
    );
  }

  /** The move of a tenant that is neither confirmed nor given up. */
  async open(tenantId: string): Promise<MoveEntry | undefined> {
    await this.#make();
    const { rows } = await this.#client.query(
      `select ${ENTRY} from partywall.moves where tenant = $1 and step not in ('confirmed', 'given up')`,
      [tenantId],
    );
    return rows[0] as MoveEntry | undefined;
  }

  async begin(tenantId: string, from: Placement, to: Placement): Promise<MoveEntry> {
    const { rows } = await this.#client.query(
      `insert into partywall.moves (tenant, origin, target) values ($1, $2, $3) returning ${ENTRY}`,
      [tenantId, JSON.stringify(from), JSON.stringify(to)],
    );
    return rows[0] as unknown as MoveEntry;
  }

  async note({ id }: MoveEntry, step: MoveStep): Promise<void> {
    await this.#client.query(
      "update partywall.moves set step = $2, changed_at = pg_catalog.now() where id = $1",
      [id, step],
    );
  }
}
