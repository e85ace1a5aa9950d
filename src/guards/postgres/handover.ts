import type { PgClient } from "./driver.js";

/**
 * Listens for the end of a connection that is handed over by a promise, until whoever waits for it has had its turn. The
 * server may end the backend in the very packet that made the connection ready: an 'error' event that nobody could have
 * listened for would end the process. Nothing is lost by it, for what is sent on such a connection fails.
 */
export function hearUntilTaken(client: PgClient): void {
  const hear = () => undefined;
  client.on("error", hear);
  setImmediate(() => client.removeListener("error", hear));
}
