const GUARDS = new WeakMap<object, object>();

/** Notes which guard a `sql` of postgres.js is over. */
export function noteGuard(sql: object, guard: object): void {
  GUARDS.set(sql, guard);
}

/** Whether something is a `sql` that `guardPostgresJs()` made over this guard. */
export const isSqlOver = (guard: object, sql: unknown): boolean =>
  typeof sql === "function" && GUARDS.get(sql) === guard;
