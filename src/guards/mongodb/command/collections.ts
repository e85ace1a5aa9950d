import { isApart } from "../home-mark.js";
import type { CommandScope } from "./command-scope.js";
import { IN_SYSTEM, named, refused, tenantless } from "./refusal.js";

const OF_THE_SERVER = new Set(["admin", "config", "local"]);

/** How a collection is met: "scoped" is filtered and stamped, "open" is not. */
export type Access = "scoped" | "open";

/** Whether a collection may be read or written where a command is issued, and how. Throws where it may not. */
export function access(at: CommandScope, collection: unknown, mode: "read" | "write"): Access {
  if (typeof collection !== "string" || collection === "" || collection.includes("\0")) {
    throw refused("A command names no collection", "Name one collection, by a string.");
  }
  if (collection.startsWith("system.") || collection.startsWith("$")) {
    throw refused(
      `The collection ${named(collection)} is the server's own`,
      `It holds what belongs to every tenant. ${IN_SYSTEM}`,
    );
  }
  if (isApart(collection)) {
    throw refused(
      `The collection ${named(collection)} is Partywall's own`,
      `It says whose a database is and what is done with tenants. ${IN_SYSTEM}`,
    );
  }
  if (at.isView?.(collection) === true) {
    throw refused(
      `${named(collection)} is a view, and what it reads cannot be seen in the command`,
      "Put its pipeline into the aggregate.",
    );
  }
  if (at.isShared(collection)) {
    if (mode === "read") return "open";
    throw refused(
      `The shared collection ${named(collection)} is written in system scope only`,
      IN_SYSTEM,
    );
  }
  if (at.kind === "central") throw tenantless(collection);
  return at.strategy === "database" ? "open" : "scoped";
}

/**
 * How a collection is met whose definition is read or changed, which concerns no document: central scope may do so to a tenant's
 * collection too. Throws as {@link access} does.
 */
export function definitionAccess(
  at: CommandScope,
  collection: unknown,
  mode: "read" | "write",
): Access {
  return access(at.kind === "central" ? { ...at, kind: "tenant" } : at, collection, mode);
}

/** Throws unless commands of a scope may go to a database. */
export function refuseForeignDatabase(at: CommandScope, database: unknown): void {
  const home =
    typeof database === "string" &&
    database !== "" &&
    !OF_THE_SERVER.has(database.toLowerCase()) &&
    (at.isHome?.(database) ?? true);
  if (!home) {
    throw refused(
      `The database ${named(database)} is none that this scope may use`,
      `Use the application's database. ${IN_SYSTEM}`,
    );
  }
}
