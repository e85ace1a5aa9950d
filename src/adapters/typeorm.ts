import { PartywallError, partywallErrorOf } from "../errors.js";
import { bindLazyRelations } from "./typeorm/lazy-relations.js";
import type { Guard, PostgresDriver, TypeormResultCache } from "./typeorm/native.js";
import { keyCache } from "./typeorm/result-cache.js";
import { assertSchemaIsLeft, refuseSchemaChanges } from "./typeorm/schema-changes.js";

/**
 * A data source of TypeORM 1, by what {@link guardTypeorm} reads and hooks of it. What `new DataSource()` gives fits.
 *
 * @example
 * ```ts
 * import { DataSource } from "typeorm";
 * import type { TypeormDataSource } from "partywall/adapters/typeorm";
 *
 * const source: TypeormDataSource = new DataSource({ type: "postgres" });
 * console.log(typeof source.driver);
 * ```
 */
export interface TypeormDataSource {
  readonly options: object;
  readonly driver: object;
  queryResultCache?: TypeormResultCache;
  readonly relationLoader: {
    enableLazyLoad(relation: never, entity: object, runner?: never): void;
  };
  initialize(): Promise<unknown>;
  destroy(): Promise<void>;
  query(text: string): Promise<unknown>;
}

const wired = new WeakSet<object>();

/**
 * Wires a TypeORM data source that was built with `driver: guard.driver`, before or after `initialize()`, and returns it:
 * keys the result cache by tenant, keeps lazy relations to the scope that loaded their entity, hands on Partywall's errors
 * unwrapped, and has `initialize()` prove that statements pass the guard. Throws `PW_GUARD_BYPASSED` for a data source over
 * another driver, `PW_CONFIG` for the result cache in a table and for `synchronize`, `migrationsRun` and `dropSchema`.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { guardTypeorm } from "partywall/adapters/typeorm";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 * import { DataSource } from "typeorm";
 *
 * const { APP_URL, SYSTEM_URL, PARTYWALL_SECRET } = process.env;
 * const guard = guardPg(pg, { app: APP_URL, system: SYSTEM_URL });
 * const pw = createPartywall({ secret: PARTYWALL_SECRET, postgres: guard });
 * const source = guardTypeorm(
 *   pw.postgres,
 *   new DataSource({ type: "postgres", url: APP_URL ?? "", driver: pw.postgres.driver }),
 * );
 * await source.initialize();
 * await pw.run({ slug: "acme" }, () => source.query("select * from orders"));
 * ```
 */
export function guardTypeorm<Source extends TypeormDataSource>(
  guard: Guard,
  source: Source,
): Source {
  assertDriver(guard, source);
  if (wired.has(source)) return source;
  assertSchemaIsLeft(source.options);
  keyCache(guard, source);
  bindLazyRelations(guard, source);
  unwrapErrors(source);
  refuseSchemaChanges(source);
  proveWhenInitialized(guard, source);
  wired.add(source);
  return source;
}

function assertDriver(guard: Guard, { driver }: TypeormDataSource): void {
  const { postgres, master, slaves = [] } = driver as PostgresDriver;
  const pools = master === undefined ? slaves : [master, ...slaves];
  if (postgres === guard.driver && pools.every((pool) => pool instanceof guard.Pool)) return;
  throw new PartywallError(
    "PW_GUARD_BYPASSED",
    'This TypeORM data source does not use this guard\'s driver, so no tenant would be put on any of its statements. Build it with { type: "postgres", driver: pw.postgres.driver } and without nativeDriver.',
  );
}

function unwrapErrors({ driver }: TypeormDataSource): void {
  const postgres = driver as PostgresDriver;
  const createQueryRunner = postgres.createQueryRunner.bind(postgres);
  postgres.createQueryRunner = (mode) => {
    const runner = createQueryRunner(mode);
    const query = runner.query.bind(runner);
    runner.query = async (...args) => {
      try {
        return await query(...args);
      } catch (error) {
        throw partywallErrorOf(error) ?? error;
      }
    };
    return runner;
  };
}

function proveWhenInitialized(guard: Guard, source: TypeormDataSource): void {
  const initialize = source.initialize.bind(source);
  source.initialize = async () => {
    assertSchemaIsLeft(source.options);
    await initialize();
    try {
      assertDriver(guard, source);
      await guard.assertWired((text) => source.query(text));
    } catch (error) {
      await source.destroy();
      throw error;
    }
    return source;
  };
}
