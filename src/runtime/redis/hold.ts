import { PartywallError } from "../../errors.js";

/**
 * Whose a connection is while it watches keys or has a transaction open: another's command would be queued into it, and
 * answered to whoever sends EXEC.
 */
export class Hold {
  #holder: string | undefined;

  /** Throws `PW_TRANSACTION_SCOPE` while the connection is somebody else's. */
  assertFree(prefix: string): void {
    if (this.#holder !== undefined && this.#holder !== prefix) throw foreignTransaction();
  }

  /** Takes note of a command that goes to the server now. */
  sent(name: string, prefix: string): void {
    if (name === "watch" || name === "multi") this.#holder = prefix;
    else if (name === "exec" || name === "discard" || name === "unwatch") this.#holder = undefined;
  }

  /** The connection is gone, and with it what it watched. */
  released(): void {
    this.#holder = undefined;
  }
}

/** The error for a command in a transaction or pipeline of another scope. */
export function foreignTransaction(): PartywallError {
  return new PartywallError(
    "PW_TRANSACTION_SCOPE",
    "A Redis command was issued where a transaction, a watch or a pipeline of another scope is open. It was not sent. " +
      "Build and execute a pipeline in one scope, and give WATCH and MULTI without a pipeline a connection of their own (duplicate()).",
  );
}
