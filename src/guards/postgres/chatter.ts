// Sequelize's, of every connection that is its first.
const TYPES =
  "WITH ranges AS (  SELECT pg_range.rngtypid, pg_type.typname AS rngtypname,         pg_type.typarray AS rngtyparray, pg_range.rngsubtype    FROM pg_range LEFT OUTER JOIN pg_type ON pg_type.oid = pg_range.rngtypid)SELECT pg_type.typname, pg_type.typtype, pg_type.oid, pg_type.typarray,       ranges.rngtypname, ranges.rngtypid, ranges.rngtyparray  FROM pg_type LEFT OUTER JOIN ranges ON pg_type.oid = ranges.rngsubtype WHERE (pg_type.typtype IN('b', 'e'));";

/** What postgres.js asks of a fresh connection: which type is an array of which. */
export const ARRAY_TYPES =
  "select b.oid, b.typarray from pg_catalog.pg_type a left join pg_catalog.pg_type b on b.oid = a.typelem where a.typcategory = 'A' group by b.oid, b.typarray order by b.oid";

// What ORMs ask a fresh connection before any request: matched to the letter, sent without a tenant.
const CHATTER = new Set([
  "select version()",
  "select version();",
  "SELECT version()",
  "SELECT version();",
  "SHOW server_version",
  "SHOW server_version;",
  "SHOW SERVER_VERSION",
  "SHOW SERVER_VERSION;",
  "SELECT 1",
  "select 1",
  "SELECT 1;",
  "select 1;",
  "SELECT 1+1 AS result",
  "SELECT * FROM current_database()",
  "SELECT * FROM current_schema()",
  TYPES,
  "SELECT 1 + 1 AS result",
  ARRAY_TYPES,
]);

/** Whether a text is exactly one of the statements that ORMs and health checks issue outside any scope. */
export function isChatter(text: string): boolean {
  return CHATTER.has(text);
}
