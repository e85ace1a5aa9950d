import postgres from "postgres";
import { guardPostgresJs } from "partywall/adapters/postgres-js";
import type { GuardPgOptions } from "partywall/guards/postgres";
import { buildTown, type Residence } from "../../guards/postgres/placement/town.js";

/** Two tenants of each strategy. Each tenant's notes begin with its slug. */
export const RESIDENCES: readonly Residence[] = [
  { slug: "ada", strategy: "row" },
  { slug: "bob", strategy: "row" },
  { slug: "cyd", strategy: "schema" },
  { slug: "dan", strategy: "schema" },
  { slug: "eve", strategy: "database" },
  { slug: "fay", strategy: "database" },
  { slug: "gil", strategy: "schema", own: true },
];

/** Each strategy's tenant, and another who must stay out of reach. */
export const PAIRS = [
  ["row", "ada", "bob"],
  ["schema", "cyd", "dan"],
  ["database", "eve", "fay"],
] as const;

/** A town, a guarded `sql` in it, and an unguarded one. */
export type Site = Awaited<ReturnType<typeof buildSite>>;

/** Builds a town with a guarded `sql`. Call `close` in `afterAll`. */
export async function buildSite(
  options: {
    readonly residences?: readonly Residence[];
    /** How many connections the guard's pool has. */
    readonly max?: number;
    readonly guard?: Partial<GuardPgOptions>;
    /** More of the application's pool configuration. */
    readonly app?: Readonly<Record<string, unknown>>;
    readonly sql?: Parameters<typeof guardPostgresJs<never, typeof postgres>>[2];
    readonly through?: (url: string) => string;
  } = {},
) {
  const town = await buildTown(options.residences ?? RESIDENCES, {
    max: options.max ?? 4,
    ...(options.app && { app: options.app }),
    ...(options.guard && { guard: options.guard }),
    ...(options.through && { through: options.through }),
  });
  const notices: string[] = [];
  const sql = guardPostgresJs(town.guard, postgres, {
    onnotice: (notice: { message?: string }) => notices.push(String(notice.message)),
    ...options.sql,
  });
  const native = postgres(town.database.url, { max: 2, onnotice: () => undefined });
  return {
    ...town,
    sql,
    /** postgres.js itself, past the guard, on the default database. */
    native,
    notices,
    /** Runs something as a tenant. */
    inside: <Result>(slug: string, fn: () => Result) =>
      town.pw.run({ slug }, async () => await fn()),
    /** The notes of a tenant's orders as they really are, seen past the guard. */
    notes: async (slug: string) => (await town.rows(slug)).map((row) => row["note"]),
    /** How many of the application's backends have a transaction open, seen past the guard. */
    open: async () => {
      // By their locks, for they do not tell what they are doing.
      const rows = await native`
        select count(*)::int as open from pg_locks join pg_stat_activity using (pid)
        where usename = ${town.roles.app} and locktype = 'virtualxid'`;
      return rows[0]?.["open"] as number;
    },
    close: async () => {
      await sql.end({ timeout: 5 });
      await native.end({ timeout: 5 });
      await town.close();
    },
  };
}
