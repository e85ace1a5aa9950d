import type { Capability, OrmSession, OrmSubject, OrmUnderTest, OrmWiring } from "./orm.js";
import type { ConformancePg, Instance, Side, Strategy, World } from "./world.js";

/** What a test of the suite works with: an ORM over a guard, and two tenants with fresh rows. */
export interface Stage extends Instance {
  readonly strategy: Strategy;
  readonly subject: OrmSubject;
  readonly orm: OrmUnderTest;
  readonly wiring: OrmWiring;
  readonly world: World;
  readonly pg: ConformancePg;
  readonly ada: Side;
  readonly bob: Side;
  /** Runs as a tenant, in a session of its own. */
  readonly as: <T>(side: Side, fn: (session: OrmSession) => Promise<T>) => Promise<T>;
}

/** One test of the suite; several may show the same capability. */
export interface ConformanceCase {
  readonly capability: Capability;
  /** What is shown, as an attack repelled where it is one. */
  readonly title: string;
  /** Whether it says nothing of a strategy and is run once; default `false`. */
  readonly once?: boolean;
  /** Operations it calls that an ORM may lack. */
  readonly needs?: readonly (keyof OrmSession)[];
  /** May take long, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  run(stage: Stage): Promise<void>;
}
