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
]);

/** Whether a text is exactly one of the statements that ORMs and health checks issue outside any scope. */
export function isChatter(text: string): boolean {
  return CHATTER.has(text);
}
