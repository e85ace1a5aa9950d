import { randomBytes } from "node:crypto";
import pg from "pg";
import { engineUrl } from "./engine.js";

/** A database of its own for one suite, in the server shared by the whole run. */
export interface TestDatabase {
  /** Connection string of the superuser. */
  readonly url: string;
  /** The database's name; unique, so roles (which are shared by the whole server) can be named after it. */
  readonly name: string;
  /** Ends every connection to the database and removes it. Roles are the caller's to drop, before this. */
  drop(): Promise<void>;
}

/** Creates a fresh, uniquely named database. Drop it in `afterAll`. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = engineUrl("postgres");
  const name = `pw_${process.pid}_${randomBytes(4).toString("hex")}`;
  // template0, because template1 cannot be copied while anybody is connected to it.
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE template0`));
  return {
    url: urlAs(server, { database: name }),
    name,
    drop: async () => {
      await withClient(server, (client) =>
        client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
      );
    },
  };
}

/** The same server's connection string with another login or database. */
export function urlAs(
  url: string,
  change: { user?: string; password?: string; database?: string },
): string {
  const changed = new URL(url);
  if (change.user !== undefined) changed.username = encodeURIComponent(change.user);
  if (change.password !== undefined) changed.password = encodeURIComponent(change.password);
  if (change.database !== undefined) changed.pathname = `/${encodeURIComponent(change.database)}`;
  return changed.href;
}

/** Runs `use` with an unguarded connection of its own, closed afterwards. */
export async function withClient<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
