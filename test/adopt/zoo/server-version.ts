import { inject } from "vitest";
import { withClient } from "../../support/postgres.js";

/** The server's version as `server_version_num`; 0 where there is no server. */
export async function serverVersion(): Promise<number> {
  const engine = inject("engines").postgres;
  if (!("url" in engine)) return 0;
  return withClient(engine.url, async (client) => {
    const { rows } = await client.query<{ version: number }>(
      "select current_setting('server_version_num')::int as version",
    );
    return rows[0]?.version ?? 0;
  });
}
