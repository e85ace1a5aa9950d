import { setTimeout as sleep } from "node:timers/promises";
import type { SqlClient } from "./catalog.js";
import type { Privilege } from "./privileges.js";

/** Takes rights one by one; returns those that could not be taken. */
export async function takePrivileges(
  client: SqlClient,
  privileges: readonly Privilege[],
): Promise<Privilege[]> {
  const missing: Privilege[] = [];
  for (const privilege of privileges) {
    try {
      await retried(() => client.query(privilege.sql));
    } catch (error) {
      // Only a refusal of rights is passed over, and reported below; anything else is a fault.
      if ((error as { code?: unknown }).code !== "42501") throw error;
    }
    const { rows } = await client.query(`select (${privilege.open}) as open`);
    if (rows[0]?.["open"] !== false) missing.push(privilege);
  }
  return missing;
}

// Roles and parameters are the whole server's, beyond the lock of one database: builders of two databases that
// change the same catalogue row see 23505 or "tuple concurrently updated" (XX000).
const COLLIDED = new Set(["23505", "XX000", "40001", "40P01"]);
const MOST_TRIES = 8;

/** Repeats what collided with a builder of another database. */
export async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (tries >= MOST_TRIES || typeof code !== "string" || !COLLIDED.has(code)) throw error;
      await sleep(20 * tries);
    }
  }
}
