import pg from "pg";

/** What a server session is at a moment. */
export interface SessionState {
  readonly settings: Record<string, string>;
  readonly advisoryLocks: number;
  readonly cursors: number;
  readonly inTransaction: boolean;
  /** The SQLSTATE with which a statement on tenant rows is refused that nobody sealed. */
  readonly refusal: string | undefined;
}

/**
 * Looks at a connection's session from beneath the guard, which would otherwise seal and clear before it.
 */
export async function sessionState(client: pg.ClientBase): Promise<SessionState> {
  const ask = async (text: string) => {
    const query = pg.Client.prototype.query as unknown as (
      text: string,
    ) => Promise<{ rows: Record<string, unknown>[] }>;
    return (await query.call(client, text)).rows;
  };
  // First, for what follows may be refused in a failed transaction.
  const [first] = await ask("select now()::text as at");
  const [second] = await ask("select now()::text as at");
  // The language's own are there once it was used, whoever used it.
  const settings = await ask(
    "select name, setting from pg_settings where name not like 'plpgsql.%' order by name",
  );
  const [left] = await ask(`select
    (select count(*)::int from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as locks,
    (select count(*)::int from pg_cursors where is_holdable) as cursors`);
  const refusal = await ask("select note from orders").then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
  return {
    settings: Object.fromEntries(settings.map(({ name, setting }) => [name, setting])),
    advisoryLocks: Number(left?.["locks"]),
    cursors: Number(left?.["cursors"]),
    inTransaction: first?.["at"] === second?.["at"],
    refusal,
  };
}
