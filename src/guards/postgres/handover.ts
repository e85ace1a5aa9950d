import type { PgClient } from "./driver.js";

/**
 * Listens for the end of a connection that is handed over by a promise, until whoever waits for it has had its turn. The
 * server may end the backend in the very packet that made the connection ready: an 'error' event that nobody could have
 * listened for would end the process. Nothing is lost by it, for what is sent on such a connection fails.
 */
export function hearUntilTaken(client: PgClient): void {
  // Whoever waits for a promise has its turn before the next immediate, so one listener serves all of this turn.
  if (heard.has(client)) return;
  heard.add(client);
  client.on("error", hear);
  setImmediate(() => {
    client.removeListener("error", hear);
    heard.delete(client);
  });
}

const heard = new WeakSet<PgClient>();
const hear = () => undefined;
