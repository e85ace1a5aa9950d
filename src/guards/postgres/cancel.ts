import type { PgClient, PgInternals } from "./driver.js";

/**
 * Asks the server to cancel what a connection runs, over a connection of its own, and resolves when the server
 * has closed that: from then on the request cannot hit a later statement. Never rejects; a request that did not
 * get through is left to the caller's deadline.
 *
 * Source: PostgreSQL manual, chapter 54.2.8 "Canceling Requests in Progress".
 */
export function cancelRunning(pg: PgInternals, client: PgClient): Promise<void> {
  return new Promise((resolve) => {
    const { processID, secretKey } = client;
    if (processID === null || secretKey === null) return resolve();
    const connection = new pg.Connection({
      ssl: client.ssl,
      sslNegotiation: client.sslNegotiation,
    });
    const send = () => connection.cancel(processID, secretKey);
    connection.on("connect", () => {
      if (!client.ssl) send();
      else if (client.sslNegotiation !== "direct") connection.requestSsl();
    });
    connection.on("sslconnect", send);
    connection.on("error", () => resolve());
    connection.on("end", () => resolve());
    if (client.host.startsWith("/")) connection.connect(`${client.host}/.s.PGSQL.${client.port}`);
    else connection.connect(client.port, client.host);
  });
}
