/** What one open connection is busy with. */
export interface LiveConnection {
  readonly processID: number | null;
  /** Who owns its open transaction or running statement, if any. */
  readonly occupant: string | undefined;
}

/** The guarded connections this process holds open. */
export class Connections {
  readonly #live = new Set<LiveConnection>();

  add(connection: LiveConnection): void {
    this.#live.add(connection);
  }

  delete(connection: LiveConnection): void {
    this.#live.delete(connection);
  }

  /** Whether a backend is this process's and busy for someone else than the tenant. */
  isInnocent(pid: number, tenantId: string): boolean {
    for (const connection of this.#live) {
      if (connection.processID === pid) return connection.occupant !== `tenant:${tenantId}`;
    }
    return false;
  }
}
