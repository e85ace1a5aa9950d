import { isTenantId } from "../scope/names.js";
import { HintQueue } from "./hint-queue.js";
import {
  connectionConfig,
  plainName,
  unavailable,
  type PgClient,
  type PgModule,
  type PostgresConnection,
} from "./postgres-driver.js";
import type { RegistryInvalidation } from "./store.js";

/** Where `postgresInvalidation` listens, beside the options of `pg`. */
export interface PostgresInvalidationOptions extends PostgresConnection {
  /** The store's channel; `"partywall_registry"` unless told. */
  readonly channel?: string;
}

const SHORTEST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;

/**
 * Drops cached tenants when another process changes them: LISTEN on one dedicated connection, opened on first use
 * of the registry. What arrives is only a hint that makes the registry read again, since any login can NOTIFY:
 * a forged one costs a read, and a flood is gathered into at most twenty rounds a second. When the connection is
 * lost everything cached is dropped, at once and again when it listens anew. Not for a transaction-mode pooler.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { createPartywall } from "partywall";
 * import { postgresInvalidation, postgresStore } from "partywall/registry";
 *
 * const connectionString = process.env["REGISTRY_URL"];
 * const pw = createPartywall({
 *   store: postgresStore(pg, { connectionString }),
 *   invalidation: postgresInvalidation(pg, { connectionString }),
 * });
 * await pw.ready();
 * await pw.close();
 * ```
 */
export function postgresInvalidation(
  pg: PgModule,
  options: PostgresInvalidationOptions,
): RegistryInvalidation {
  const { channel = "partywall_registry", ...connection } = options;
  plainName(channel, "postgresInvalidation({ channel })");
  let client: PgClient | undefined;
  let retry: NodeJS.Timeout | undefined;
  let stopped = false;
  let failures = 0;

  async function listen(queue: HintQueue, onGap: () => void): Promise<void> {
    const candidate = new pg.Client(connectionConfig(connection, "postgresInvalidation()"));
    client = candidate;
    let lost = false;
    const onLost = (): void => {
      if (lost || stopped) return;
      lost = true;
      onGap();
      // The connection may be half dead: nothing more may come from it, and its own end is of no interest.
      candidate.end().catch(() => undefined);
      again(queue, onGap);
    };
    candidate.on("error", onLost);
    candidate.on("end", onLost);
    candidate.on("notification", ({ payload }) => {
      if (!lost && isTenantId(payload)) queue.add(payload);
    });
    try {
      await candidate.connect();
      await candidate.query(`listen ${channel}`);
    } catch (error) {
      onLost();
      throw unavailable(error, connection);
    }
    failures = 0;
    // What changed while nobody listened is unknown.
    onGap();
  }

  function again(queue: HintQueue, onGap: () => void): void {
    const longest = Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** failures);
    failures += 1;
    // Half of it random, so that many processes do not come back at the same moment.
    const wait = longest / 2 + (Math.random() * longest) / 2;
    retry = setTimeout(() => {
      // A failure has scheduled the next attempt already; until one succeeds the cache's TTL bounds staleness.
      listen(queue, onGap).catch(() => undefined);
    }, wait);
    retry.unref();
  }

  let queue: HintQueue | undefined;
  return {
    start(onHint, onGap) {
      stopped = false;
      queue = new HintQueue(onHint, onGap);
      return listen(queue, onGap);
    },
    async stop() {
      stopped = true;
      clearTimeout(retry);
      queue?.stop();
      await client?.end();
    },
  };
}
