import pg from "pg";
import { ROLES } from "./homes.js";

/** Counts the application's connections, as the server has them, until it is stopped. */
export interface Watch {
  /** The most that were seen. */
  readonly peak: number;
  /** How many there are now. */
  readonly now: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Begins to count. */
export async function watchConnections(url: string): Promise<Watch> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let peak = 0;
  let busy: Promise<unknown> | undefined;
  const now = async (): Promise<number> => {
    const { rows } = await client.query(
      "select count(*)::int as n from pg_stat_activity where usename = $1 or usename like 'l\\_%'",
      [ROLES.app],
    );
    return rows[0].n as number;
  };
  const timer = setInterval(() => {
    busy ??= now().then((n) => {
      peak = Math.max(peak, n);
      busy = undefined;
    });
  }, 20);
  return {
    get peak() {
      return peak;
    },
    now,
    stop: async () => {
      clearInterval(timer);
      await busy;
      await client.end();
    },
  };
}
