import type { SqlClient } from "../guards/postgres/index.js";
import { readColumns } from "./catalog/columns.js";
import { readChecks, readForeignKeys, readForeignKeysFromOutside } from "./catalog/constraints.js";
import { assertSchemas, readStanding } from "./catalog/database.js";
import { readIndexes } from "./catalog/indexes.js";
import { needsFirst } from "./catalog/needs-first.js";
import { readPolicies } from "./catalog/policies.js";
import { readPublications } from "./catalog/publications.js";
import { readRoutines } from "./catalog/routines.js";
import { readWriteRules } from "./catalog/rules.js";
import { readSequences } from "./catalog/sequences.js";
import { readTables } from "./catalog/tables.js";
import { readingCatalog, type ReadCatalog } from "./catalog/transaction.js";
import { readRules, readTriggers } from "./catalog/triggers.js";
import { readViews } from "./catalog/views.js";
import type { Schema, Table } from "./schema.js";

/**
 * Reads schemas from the live catalogue, in one read-only transaction and with the same few queries however many
 * tables there are. Every expression and definition is printed as a session that searches `pg_catalog` reads it.
 * Throws `PW_CONFIG` where a schema does not exist or is PostgreSQL's own, for a server older than PostgreSQL 15, and
 * for a client that is in a transaction or is a pool that hands out several connections.
 *
 * @param client a connected client of any login, outside a transaction
 * @param schemas names as the catalogue spells them, unquoted
 */
export function readSchema(client: SqlClient, schemas: readonly string[]): Promise<Schema> {
  return readingCatalog(client, schemas, async (read) => {
    await assertSchemas(read);
    const tables = await readWholeTables(read);
    const views = needsFirst(await readViews(read)).map(({ view }) => view);
    const rules = await readWriteRules(read);
    const routines = await readRoutines(read);
    const sequences = await readSequences(read);
    const foreignKeysFromOutside = await readForeignKeysFromOutside(read);
    return {
      ...(await readStanding(read)),
      tables,
      views,
      rules,
      routines,
      sequences,
      foreignKeysFromOutside,
    };
  });
}

async function readWholeTables(read: ReadCatalog): Promise<readonly Table[]> {
  const tables = needsFirst(await readTables(read));
  const columns = await readColumns(read);
  const indexes = await readIndexes(read);
  const foreignKeys = await readForeignKeys(read);
  const checks = await readChecks(read);
  const policies = await readPolicies(read);
  const triggers = await readTriggers(read);
  const rules = await readRules(read);
  const publications = await readPublications(read);
  return tables.map(({ oid, table }) => ({
    ...table,
    columns: columns.get(oid) ?? [],
    indexes: indexes.get(oid) ?? [],
    foreignKeys: foreignKeys.get(oid) ?? [],
    checks: checks.get(oid) ?? [],
    policies: policies.get(oid) ?? [],
    triggers: triggers.get(oid) ?? [],
    rules: rules.get(oid) ?? [],
    publications: publications.get(oid) ?? [],
  }));
}
