import { setTimeout as sleep } from "node:timers/promises";
import type { ClientBase } from "pg";
import { urlAs, withClient, type TestDatabase } from "./postgres.js";

/**
 * Repeats what collided with another test file's change of the same row: roles and parameters are the whole
 * server's, and PostgreSQL does not wait for one another's there.
 */
export async function repeated<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if ((error as { code?: string }).code !== "XX000" || tries === 20) throw error;
      await sleep(10 * tries);
    }
  }
}

/**
 * Runs a script that changes roles or parameters, which are the whole server's: again from its beginning where another
 * test file was changing the same row.
 */
export async function runScript(client: ClientBase, script: string): Promise<void> {
  await repeated(async () => {
    try {
      await client.query(script);
    } catch (error) {
      await client.query("rollback");
      throw error;
    }
  });
}

/** Drops every role named after a database, which is gone by then. */
export async function dropRoles(database: TestDatabase): Promise<void> {
  await withClient(urlAs(database.url, { database: "postgres" }), async (client) => {
    const { rows } = await client.query(
      "select rolname from pg_roles where rolname like $1 || '%' order by rolname desc",
      [database.name],
    );
    for (const { rolname } of rows) {
      await repeated(() => client.query(`drop owned by ${rolname} cascade`));
      await repeated(() => client.query(`drop role ${rolname}`));
    }
  });
}
