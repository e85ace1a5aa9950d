import type { ConformanceCase, Stage } from "./case.js";
import { ATTACKS } from "./cases/attacks.js";
import { QUERIES } from "./cases/queries.js";
import { RELATIONS } from "./cases/relations.js";
import { ROWS } from "./cases/rows.js";
import { SCOPES } from "./cases/scopes.js";
import { TRANSACTIONS } from "./cases/transactions.js";
import { WIRING } from "./cases/wiring.js";
import type { Capability, OrmSubject, OrmUnderTest } from "./orm.js";
import { STRATEGIES, World, type ConformancePg, type Instance, type Strategy } from "./world.js";

const CASES: readonly ConformanceCase[] = [
  ...ROWS,
  ...RELATIONS,
  ...QUERIES,
  ...TRANSACTIONS,
  ...SCOPES,
  ...ATTACKS,
  ...WIRING,
];

/** What the suite needs of a test runner; Vitest, Jest, Mocha and `node:test` have it. */
export interface ConformanceRunner {
  describe(name: string, define: () => void): void;
  test(name: string, run: () => Promise<void>, timeoutMs: number): void;
  /** Skips a test and prints why. */
  skip(name: string, reason: string): void;
  beforeAll(prepare: () => Promise<void>, timeoutMs: number): void;
  afterAll(cleanUp: () => Promise<void>, timeoutMs: number): void;
}

/** How one test ended, for a table of what an ORM can do. */
export interface ConformanceResult {
  readonly subject: string;
  readonly strategy: Strategy;
  readonly capability: Capability;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it was skipped. */
  readonly reason?: string;
}

/** Options of {@link ormConformance}. */
export interface OrmConformanceOptions {
  readonly subject: OrmSubject;
  /** The driver, as guarded and, unguarded, to look past the guard. */
  readonly pg: ConformancePg;
  /** Gives the connection string of a superuser, on a server where databases and roles may be created. Called before the tests. */
  readonly admin: () => string;
  /** Called with the end of each test. */
  readonly report?: (result: ConformanceResult) => void;
}

const HOOK_MS = 120_000;
const TEST_MS = 30_000;

/**
 * Defines the conformance suite of one ORM: what it does is tried with tenants in rows, schemas and databases, and every
 * outcome is asserted through an unguarded connection. Builds databases and logins of its own and drops them.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { ormConformance, type OrmSubject } from "partywall/testing";
 * import { afterAll, beforeAll, describe, test } from "vitest";
 *
 * declare const subject: OrmSubject;
 *
 * ormConformance(
 *   {
 *     describe,
 *     test,
 *     beforeAll,
 *     afterAll,
 *     skip: (name, reason) => test.skip(`${name} (${reason})`),
 *   },
 *   { subject, pg, admin: () => process.env["ADMIN_URL"] ?? "" },
 * );
 * ```
 */
export function ormConformance(runner: ConformanceRunner, options: OrmConformanceOptions): void {
  const { subject, pg } = options;
  let world: World;
  let instance: Instance;
  let orm: OrmUnderTest | undefined;
  const wiring = () => ({ guard: instance.guard, url: world.url("app"), max: 4 });

  runner.describe(`${subject.name} conforms`, () => {
    runner.beforeAll(async () => {
      world = new World(pg, options.admin());
      await world.build();
      instance = world.instance();
      orm = await subject.open(wiring());
    }, HOOK_MS);
    runner.afterAll(async () => {
      await orm?.close();
      await world.close();
    }, HOOK_MS);

    for (const strategy of STRATEGIES) {
      runner.describe(strategy, () => {
        for (const one of CASES) {
          if (one.once === true && strategy !== STRATEGIES[0]) continue;
          define(one, strategy);
        }
      });
    }
  });

  function define(one: ConformanceCase, strategy: Strategy): void {
    const { capability, title } = one;
    const name = `${capability}: ${title}`;
    const report = (outcome: ConformanceResult["outcome"], reason?: string) =>
      options.report?.({
        subject: subject.name,
        strategy,
        capability,
        outcome,
        ...(reason !== undefined && { reason }),
      });
    const reason = subject.missing?.[capability];
    if (reason !== undefined) {
      report("skipped", reason);
      runner.skip(name, reason);
      return;
    }
    runner.test(
      name,
      async () => {
        try {
          await one.run(await stage(one, strategy));
        } catch (error) {
          report("failed");
          throw error;
        }
        report("passed");
      },
      one.timeoutMs ?? TEST_MS,
    );
  }

  async function stage(one: ConformanceCase, strategy: Strategy): Promise<Stage> {
    if (orm === undefined) throw new Error(`${subject.name} was not opened.`);
    const { capability, needs = [] } = one;
    const offered = orm.session();
    const lacking = needs.find((name) => offered[name] === undefined);
    if (lacking !== undefined || (capability === "migrations" && subject.migrate === undefined)) {
      throw new Error(
        `${subject.name} offers no ${lacking ?? "migrate"}() and gives no reason. Write it, or name "${capability}" in \`missing\` with the reason.`,
      );
    }
    const [ada, bob] = await world.fresh(instance, strategy);
    const opened = orm;
    return {
      ...instance,
      world,
      subject,
      orm: opened,
      wiring: wiring(),
      pg,
      strategy,
      ada,
      bob,
      as: (side, fn) => instance.pw.run(side.tenant.id, () => fn(opened.session())),
    };
  }
}
