import { setImmediate as turn } from "node:timers/promises";
import {
  applyWall,
  type GuardPgOptions,
  type Observation,
  type RolloutMode,
  type SealForm,
} from "partywall/guards/postgres";
import { buildWorld } from "./world.js";

export const DAY = 86_400_000;

/** A world whose tables can be in rollout, and what is reported of them. */
export type RolloutWorld = Awaited<ReturnType<typeof rolloutWorld>>;

// The whole database's clock, a year on: nothing else has to happen for a rollout to end.
const AHEAD = `create or replace function pg_catalog.clock_timestamp() returns timestamptz
  language sql volatile parallel safe as $$ select pg_catalog.now() + interval '1 year' $$`;
const RIGHT = `create or replace function pg_catalog.clock_timestamp() returns timestamptz
  language internal volatile strict parallel safe as 'clock_timestamp'`;
// PostgreSQL does not expect its own functions to change, so what has been planned with them is planned again.
const PLAN_AGAIN = `do $$ declare f regprocedure; begin
  for f in select oid from pg_proc where pronamespace = 'partywall'::regnamespace and proname ~ '^(observe|sealed)' loop
    execute format('alter function %s cost 100', f);
  end loop; end $$`;

/**
 * Builds a world where the tenant column of `orders` has tenant A's id for a default, as after an adoption, and puts
 * tables into rollout. All others stay enforced.
 */
export async function rolloutWorld(options: {
  readonly seal?: SealForm;
  readonly tables: Readonly<Record<string, RolloutMode>>;
  readonly guard?: Partial<GuardPgOptions>;
  readonly max?: number;
  readonly ddl?: string;
  /** Tables besides `customers` and `orders`. */
  readonly more?: readonly string[];
  readonly code?: NonNullable<Parameters<typeof buildWorld>[0]>["code"];
}) {
  const told: Observation[] = [];
  const until = new Date(Date.now() + DAY);
  const { seal, more = [] } = options;
  const world = await buildWorld({
    ...(seal && { seal }),
    ...(options.code && { code: options.code }),
    max: options.max ?? 1,
    ddl: options.ddl ?? "",
    tables: more,
    guard: {
      rollout: { until, report: (observation) => void told.push(observation) },
      ...options.guard,
    },
  });
  await world.unguarded.query(
    `alter table orders alter column tenant_id set default '${world.a.id}'`,
  );
  const build = options.code?.applyWall ?? applyWall;
  /** Moves tables between modes; those not named are enforced. */
  const stage = (tables?: Readonly<Record<string, RolloutMode>>, end: Date = until) =>
    build(world.unguarded, {
      roles: { ...world.roles, owner: world.owner },
      tables: ["customers", "orders", ...more],
      shared: ["plans"],
      ...(seal && { seal }),
      ...(tables && { rollout: { until: end, tables } }),
    });
  await stage(options.tables);
  return {
    ...world,
    until,
    stage,
    /** What was reported since this was last asked. */
    told: async (): Promise<Observation[]> => {
      await turn();
      return told.splice(0);
    },
    /** Lets the end of every rollout pass, for the database. */
    passTheEnd: () => world.unguarded.query(`${AHEAD}; ${PLAN_AGAIN}`),
    /** Sets the database's clock right again. */
    comeBack: () => world.unguarded.query(`${RIGHT}; ${PLAN_AGAIN}`),
    /** Every row of a table as it really is. */
    all: async (table: string) =>
      (await world.unguarded.query(`select * from ${table} order by tenant_id, id`)).rows as Record<
        string,
        unknown
      >[],
  };
}

/** Observations without what differs from run to run. */
export const brief = (observations: readonly Observation[]) =>
  observations.map(({ kind, table, mode }) => [kind, table, mode].filter(Boolean).join(" "));
