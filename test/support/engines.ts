import type { TestProject } from "vitest/node";
import { pathToFileURL } from "node:url";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "./embedded-postgres.js";
import { mongoEngines, type MongoEngine } from "./mongo-servers.js";
import { findProgram } from "./program.js";

/** The database engines that suites ask for by name, see `engine.ts`. */
export type EngineName = "postgres" | "pgbouncer" | "redis" | "versitygw" | MongoEngine;

/** Where an engine is (a server's connection string, or the file: URL of what tests start), or why there is none. */
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
  project.provide("engines", {
    postgres,
    pgbouncer: pgBouncer(postgres),
    redis: program("redis-server"),
    versitygw: program("versitygw"),
    ...mongoEngines(),
  });
  return async () => embedded?.stop();
}

// A pooler alone is nothing to test: it stands before the server.
function pgBouncer(postgres: Engine): Engine {
  if ("missing" in postgres) return { missing: `no server to put it before: ${postgres.missing}` };
  return program("pgbouncer");
}

function program(name: string): Engine {
  const path = findProgram(name);
  return path === undefined
    ? { missing: `there is no ${name} on PATH or in /usr/sbin` }
    : { url: pathToFileURL(path).href };
}
