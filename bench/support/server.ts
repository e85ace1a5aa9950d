import { startEmbeddedPostgres } from "../../test/support/embedded-postgres.js";

/** The PostgreSQL server a benchmark runs on. */
export interface Server {
  /** Connection string of a superuser. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Starts PostgreSQL from npm, or takes the server that `PARTYWALL_TEST_POSTGRES_URL` names. */
export async function startServer(): Promise<Server> {
  const url = process.env["PARTYWALL_TEST_POSTGRES_URL"];
  if (url) return { url, stop: async () => {} };
  const server = await startEmbeddedPostgres({
    // Loading is not measured; a checkpoint in the middle of a slice would be noise.
    settings: {
      fsync: "off",
      full_page_writes: "off",
      checkpoint_timeout: "1h",
      max_connections: "200",
    },
  });
  return { url: server.url, stop: () => server.stop() };
}
