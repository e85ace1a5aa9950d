import type { PrismaAdapter, PrismaQuery, PrismaQueryable } from "./internals.js";

/** The schema that stands before every name in what Prisma writes and logs, and in nothing that is sent. */
const HOME = "<tenant>";
const QUALIFIER = `"${HOME}"."`;

/**
 * Has names sent as the schema's author wrote them, so that they lead to the tenant's own tables. Prisma qualifies every
 * name with one schema, `public` unless told, and has no option to leave it out. Where the application chose a schema
 * (`new PrismaPg(pool, { schema })`) that stays.
 */
export function leaveNamesUnqualified(adapter: PrismaAdapter): void {
  const info = adapter.getConnectionInfo();
  if (info.schemaName !== undefined) return;
  adapter.getConnectionInfo = () => ({ ...info, schemaName: HOME });
  unqualify(adapter);
  const startTransaction = adapter.startTransaction.bind(adapter);
  adapter.startTransaction = async (isolationLevel) =>
    unqualify(await startTransaction(isolationLevel));
}

function unqualify<Queryable extends PrismaQueryable>(queryable: Queryable): Queryable {
  for (const way of ["queryRaw", "executeRaw"] as const) {
    const send = queryable[way].bind(queryable);
    queryable[way] = (query) => send(withoutHome(query));
  }
  return queryable;
}

function withoutHome(query: PrismaQuery): PrismaQuery {
  if (!query.sql.includes(QUALIFIER)) return query;
  return { ...query, sql: query.sql.replaceAll(QUALIFIER, '"') };
}
