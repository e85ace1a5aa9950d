import type { MongoDocument } from "./driver.js";
import { foreignDatabase } from "./refusals.js";
import type { Ticket } from "./ticket.js";

/** The names of databases, as the application has them and as they are where a command goes. */
export interface DatabaseNames {
  /** The one that the connection string of `app` names. */
  readonly home: string;
  /** Further ones whose collections tenants share. */
  readonly further: ReadonlySet<string>;
  /** The home database of a client's server. */
  readonly homeOf: (client: string) => string;
}

// Transactions are ended there, and what else is said there is decided over the command.
const ADMIN = "admin";

/** Whether what a ticket sends may go to a database, by its name on the server. */
export function isHome(ticket: Ticket, database: string, names: DatabaseNames): boolean {
  if (ticket.kind === "system") return true;
  if (ticket.database !== undefined) return database === ticket.database;
  return database === names.homeOf(ticket.client) || names.further.has(database);
}

/** The database a command goes to. Throws `PW_STATEMENT_REFUSED` for one that is not open to its scope. */
export function databaseOf(ticket: Ticket, named: string, names: DatabaseNames): string {
  if (named === ADMIN) return named;
  if (named === names.home) return ticket.database ?? names.homeOf(ticket.client);
  // A cursor is read on under the name that the server gave it.
  if (isHome(ticket, named, names)) return named;
  throw foreignDatabase();
}

/** A command whose namespaces of a bulk write are those where it goes; itself where it has none. */
export function withNamespaces(
  ticket: Ticket,
  command: MongoDocument,
  names: DatabaseNames,
): MongoDocument {
  const { bulkWrite, nsInfo } = command;
  if (bulkWrite === undefined || !Array.isArray(nsInfo)) return command;
  const placed = nsInfo.map((info: MongoDocument) => {
    const named = String(info["ns"]);
    const dot = named.indexOf(".");
    if (dot < 1) throw foreignDatabase();
    const database = databaseOf(ticket, named.slice(0, dot), names);
    return { ...info, ns: `${database}${named.slice(dot)}` };
  });
  return { ...command, nsInfo: placed };
}
