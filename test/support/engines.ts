import type { TestProject } from "vitest/node";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "./embedded-postgres.js";

/** The database engines that suites ask for by name, see `engine.ts`. */
export type EngineName = "postgres";

/** Where an engine is, or why there is none. */
export type Engine = { readonly url: string } | { readonly missing: string };

declare module "vitest" {
  export interface ProvidedContext {
    engines: Record<EngineName, Engine>;
  }
}

/** Starts every engine once for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let embedded: EmbeddedPostgres | undefined;
  let postgres: Engine;
  const named = process.env["PARTYWALL_TEST_POSTGRES_URL"];
  if (named === "none") {
    postgres = { missing: "PARTYWALL_TEST_POSTGRES_URL is none" };
  } else if (named) {
    postgres = { url: named };
  } else {
    try {
      embedded = await startEmbeddedPostgres({
        // Nothing here has to survive a crash of the machine, and every suite opens its own pools.
        settings: {
          fsync: "off",
          synchronous_commit: "off",
          full_page_writes: "off",
          max_connections: "200",
        },
      });
      postgres = { url: embedded.url };
    } catch (error) {
      postgres = { missing: (error as Error).message };
    }
  }
  project.provide("engines", { postgres });
  return async () => embedded?.stop();
}
