import type pg from "pg";

/** Sessions that go on working until they are stopped, and what the database refused them. */
export interface Load {
  /** Statements or transactions that succeeded. */
  readonly done: () => number;
  /** SQLSTATEs of those that did not. */
  readonly refused: () => readonly string[];
  stop(): Promise<void>;
}

/**
 * Lets each client repeat a piece of work. A client that waits for a lock longer than `lockTimeoutMs` is refused by the
 * database (55P03): what is asserted is that error, not a time.
 */
export async function startLoad(
  clients: readonly pg.Client[],
  lockTimeoutMs: number,
  work: (client: pg.Client, worker: number) => Promise<void>,
): Promise<Load> {
  const stop = new AbortController();
  let done = 0;
  const refused: string[] = [];
  const loops = clients.map(async (client, worker) => {
    await client.query(`set lock_timeout = ${lockTimeoutMs}`);
    while (!stop.signal.aborted) {
      try {
        await work(client, worker);
        done += 1;
      } catch (error) {
        refused.push((error as { code?: string }).code ?? String(error));
        await client.query("rollback");
      }
    }
  });
  return {
    done: () => done,
    refused: () => refused,
    stop: async () => {
      stop.abort();
      await Promise.all(loops);
    },
  };
}
