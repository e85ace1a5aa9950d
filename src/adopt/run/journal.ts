import type { PartywallError } from "../../errors.js";
import type { SqlClient } from "../../guards/postgres/index.js";
import type { AdoptionPlan } from "../plan.js";
import type { Step } from "../step.js";
import type { BackfillState } from "./backfill-state.js";
import { refusal } from "./failure.js";
import { fingerprintOf } from "./runnable.js";

/** What the journal says of a step: under way outside a transaction or by batches, done, passed over, taken back. */
export type StepState = "running" | "done" | "refused" | "undone";

/** A step as the journal has it. Times in milliseconds since 1970. */
export interface JournaledStep {
  readonly step: string;
  readonly state: StepState;
  readonly attempts: number;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly backfill: BackfillState | null;
}

/** An adoption as the journal has it. */
export interface JournaledAdoption {
  readonly id: string;
  readonly fingerprint: string;
  readonly plan: AdoptionPlan;
  /** By which unqualified names in the plan were meant. */
  readonly searchPath: string;
  readonly isUndo: boolean;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly steps: readonly JournaledStep[];
}

const milliseconds = (column: string) =>
  `pg_catalog.floor(extract(epoch from ${column}) * 1000)::bigint`;

// One text, so that type parsers of the caller's have no say in it.
const READ = `select pg_catalog.json_build_object(
  'id', a.id::text, 'fingerprint', a.fingerprint, 'plan', a.plan, 'searchPath', a.search_path, 'isUndo', a.undoing,
  'startedAt', ${milliseconds("a.started_at")}, 'finishedAt', ${milliseconds("a.finished_at")},
  'steps', coalesce((select pg_catalog.json_agg(pg_catalog.json_build_object(
      'step', s.step, 'state', s.state, 'attempts', s.attempts, 'backfill', s.backfill,
      'startedAt', ${milliseconds("s.started_at")}, 'finishedAt', ${milliseconds("s.finished_at")}))
    from partywall.adoption_steps s where s.adoption = a.id), '[]'))::text as adoption
from partywall.adoptions a`;

/** The newest adoption; undefined where there never was one. The journal's tables must be there. */
export async function newestAdoption(client: SqlClient): Promise<JournaledAdoption | undefined> {
  return read(client, `${READ} order by a.id desc limit 1`);
}

/** The newest adoption that stands or is under way, passing over those that were taken back. */
export async function standingAdoption(client: SqlClient): Promise<JournaledAdoption | undefined> {
  return read(
    client,
    `${READ} where a.finished_at is null or not a.undoing order by a.id desc limit 1`,
  );
}

async function read(client: SqlClient, sql: string): Promise<JournaledAdoption | undefined> {
  const { rows } = await client.query(sql);
  if (rows.length === 0) return undefined;
  const adoption = JSON.parse(rows[0]?.["adoption"] as string) as JournaledAdoption;
  if (fingerprintOf(adoption.plan) !== adoption.fingerprint) {
    throw refusal(
      `The plan in partywall.adoptions (id ${adoption.id}) is not the one that was begun: its fingerprint differs, so it was changed by hand or by another version of Partywall. Go on with the version that began it.`,
    );
  }
  return adoption;
}

/** How messages name an adoption. */
export function nameOf({ fingerprint, startedAt }: JournaledAdoption): string {
  return `${fingerprint.slice(0, 12)} (begun ${new Date(startedAt).toISOString()})`;
}

/** How far an adoption is, for messages. */
export function extentOf(adoption: JournaledAdoption): string {
  return `${doneSteps(adoption).length} of ${adoption.plan.steps.length} steps done`;
}

/** Ids of the steps that need not be run any more. */
export function doneSteps({ steps }: JournaledAdoption): readonly string[] {
  return steps.filter(({ state }) => isFinal(state)).map(({ step }) => step);
}

const isFinal = (state: StepState | undefined) => state === "done" || state === "refused";

/**
 * The journal of one adoption, as one runner writes it. Every note is kept only while no other runner has taken the
 * adoption over, and rolls back with the transaction it is written in.
 */
export class Journal {
  readonly #client: SqlClient;
  readonly #runner: string;
  readonly adoption: JournaledAdoption;
  readonly #steps = new Map<string, JournaledStep>();

  private constructor(client: SqlClient, adoption: JournaledAdoption, runner: string) {
    this.#client = client;
    this.adoption = adoption;
    this.#runner = runner;
    for (const step of adoption.steps) this.#steps.set(step.step, step);
  }

  /** Begins a new adoption. */
  static async begin(client: SqlClient, plan: AdoptionPlan, runner: string): Promise<Journal> {
    await client.query(
      `insert into partywall.adoptions (fingerprint, plan, search_path, runner)
values ($1, $2::jsonb, pg_catalog.current_setting('search_path'), $3::uuid)`,
      [fingerprintOf(plan), JSON.stringify(plan), runner],
    );
    const adoption = await newestAdoption(client);
    if (adoption === undefined) throw new Error("an adoption that was just begun is not there");
    return new Journal(client, adoption, runner);
  }

  /** Goes on with one; whoever ran it before can note nothing more. */
  static async takeOver(
    client: SqlClient,
    adoption: JournaledAdoption,
    runner: string,
    isUndo: boolean,
  ): Promise<Journal> {
    await client.query(
      `update partywall.adoptions set runner = $2::uuid, undoing = $3::boolean,
  finished_at = case when $3::boolean then null else finished_at end where id = $1::bigint`,
      [adoption.id, runner, isUndo],
    );
    return new Journal(client, adoption, runner);
  }

  /** What was noted of a step, by this run or one before. */
  stateOf(step: Step): StepState | undefined {
    return this.#steps.get(step.id)?.state;
  }

  /** Whether a step need not be run any more. */
  isDone(step: Step): boolean {
    return isFinal(this.stateOf(step));
  }

  /** How far the backfill of a step is. */
  backfillOf(step: Step): BackfillState | null {
    const noted = this.#steps.get(step.id);
    return noted?.state === "running" ? noted.backfill : null;
  }

  /** Notes a step; throws `PW_ADOPTION_REFUSED` where another runner has taken over, so that nothing is committed. */
  async note(
    step: Step,
    state: StepState,
    { attempts = 0, backfill = null }: { attempts?: number; backfill?: BackfillState | null } = {},
  ): Promise<void> {
    const { rows } = await this.#client.query(
      `with mine as (select id from partywall.adoptions where id = $1::bigint and runner = $2::uuid for update)
insert into partywall.adoption_steps as s (adoption, step, state, attempts, started_at, finished_at, backfill)
select id, $3::text, $4::text, $5::integer, pg_catalog.now(),
  case when $4::text <> 'running' then pg_catalog.clock_timestamp() end, $6::jsonb from mine
on conflict (adoption, step) do update set state = excluded.state, attempts = s.attempts + excluded.attempts,
  started_at = case when s.state = 'undone' then excluded.started_at else s.started_at end,
  finished_at = excluded.finished_at, backfill = coalesce(excluded.backfill, s.backfill)
returning step`,
      [
        this.adoption.id,
        this.#runner,
        step.id,
        state,
        attempts,
        backfill === null ? null : JSON.stringify(backfill),
      ],
    );
    if (rows.length !== 1) throw takenOver();
  }

  /** Remembers what a committed transaction has noted. */
  remember(step: Step, state: StepState, backfill: BackfillState | null = null): void {
    const now = Date.now();
    this.#steps.set(step.id, {
      step: step.id,
      state,
      attempts: 0,
      startedAt: now,
      finishedAt: now,
      backfill,
    });
  }

  /** Notes that the adoption is complete, or wholly taken back. */
  async close(): Promise<void> {
    const { rows } = await this.#client.query(
      `update partywall.adoptions set finished_at = coalesce(finished_at, pg_catalog.clock_timestamp())
where id = $1::bigint and runner = $2::uuid returning id`,
      [this.adoption.id, this.#runner],
    );
    if (rows.length !== 1) throw takenOver();
  }
}

const takenOver = (): PartywallError =>
  refusal(
    "Another runner has taken this adoption over, so this one has stopped and its last statement was rolled back. Nothing is to be done; see adoptionStatus().",
  );
