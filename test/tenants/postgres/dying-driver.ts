import pg from "pg";
import type { AdminPg } from "partywall/tenants";

/**
 * A `pg` whose process dies before its n-th statement: every connection is cut, and nothing can be sent any more, no
 * rollback either. `died` tells whether it came to that.
 */
export function dyingAfter(statements: number): { readonly driver: AdminPg; died: () => boolean } {
  let left = statements;
  const open = new Set<DyingClient>();
  class DyingClient extends pg.Client {
    override connect(): never {
      if (left < 0) return Promise.reject(new Error("the process is dead")) as never;
      open.add(this);
      return super.connect() as never;
    }
    override query(...args: never[]): never {
      left -= 1;
      if (left < 0) {
        for (const client of open) {
          (
            client as unknown as { connection: { stream: { destroy(): void } } }
          ).connection.stream.destroy();
        }
        return Promise.reject(new Error("the process is dead")) as never;
      }
      return (super.query as (...all: never[]) => never)(...args);
    }
    override end(): Promise<void> {
      if (left < 0) return Promise.resolve();
      open.delete(this);
      return super.end();
    }
  }
  return { driver: { Client: DyingClient }, died: () => left < 0 };
}
