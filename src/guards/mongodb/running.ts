import { setTimeout as wait } from "node:timers/promises";
import type { MongoConnection, MongoSession } from "./driver.js";

/** What a tenant has under way in this process. */
class Tenant {
  readonly connections = new Map<MongoConnection, number>();
  readonly sessions = new Set<MongoSession>();
}

/** Which tenants are shut out, and what those that are in have under way in this process. */
export class Running {
  readonly #tenants = new Map<string, Tenant>();
  readonly #expelled = new Set<string>();
  readonly #places = new Map<string, string>();

  /** Lets a tenant in, where it lives now. */
  admit(tenantId: string, place: string): void {
    this.#places.set(tenantId, place);
    this.#expelled.delete(tenantId);
  }

  /** Whether a tenant was let in somewhere else, after a scope of it was opened. */
  hasMoved(tenantId: string, place: string | undefined): boolean {
    const now = this.#places.get(tenantId);
    return now !== undefined && now !== place;
  }

  /** Whether a tenant is shut out. */
  isExpelled(tenantId: string): boolean {
    return this.#expelled.has(tenantId);
  }

  #of(tenantId: string): Tenant {
    const known = this.#tenants.get(tenantId);
    if (known !== undefined) return known;
    const tenant = new Tenant();
    this.#tenants.set(tenantId, tenant);
    return tenant;
  }

  /** Counts a command in, to be counted out by {@link ended} when it is answered. */
  began(tenantId: string | undefined, connection: MongoConnection): void {
    if (tenantId === undefined) return;
    const { connections } = this.#of(tenantId);
    connections.set(connection, (connections.get(connection) ?? 0) + 1);
  }

  /** Counts a command out. */
  ended(tenantId: string | undefined, connection: MongoConnection): void {
    const connections =
      tenantId === undefined ? undefined : this.#tenants.get(tenantId)?.connections;
    if (tenantId === undefined || connections === undefined) return;
    const left = (connections.get(connection) ?? 1) - 1;
    if (left > 0) connections.set(connection, left);
    else connections.delete(connection);
    this.#tidy(tenantId);
  }

  /** Notes a session that may hold a transaction, until it has ended. */
  hold(tenantId: string, session: MongoSession): void {
    const { sessions } = this.#of(tenantId);
    if (sessions.has(session)) return;
    sessions.add(session);
    session.once("ended", () => {
      sessions.delete(session);
      this.#tidy(tenantId);
    });
  }

  #tidy(tenantId: string): void {
    const tenant = this.#tenants.get(tenantId);
    if (tenant?.connections.size === 0 && tenant.sessions.size === 0)
      this.#tenants.delete(tenantId);
  }

  /** Shuts a tenant out; waits for the commands it has under way, then ends them and aborts its transactions. */
  async expel(tenantId: string, graceMs: number): Promise<void> {
    this.#expelled.add(tenantId);
    const tenant = this.#tenants.get(tenantId);
    if (tenant === undefined) return;
    const until = Date.now() + graceMs;
    while (tenant.connections.size > 0 && Date.now() < until) await wait(10);
    for (const connection of tenant.connections.keys()) connection.destroy();
    const open = [...tenant.sessions].filter((session) => session.inTransaction());
    // One that cannot be aborted is ended by the server in time; nothing is sent in it any more.
    await Promise.allSettled(open.map((session) => session.abortTransaction()));
  }
}
