import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier, quoteLiteral } from "../../guards/postgres/ddl/identifier.js";
import { refused } from "../refusal.js";
import type { DoomedTable } from "./erase-rows.js";
import { ownershipMark } from "./mark.js";
import type { Premises } from "./premises.js";
import { countRows } from "./rows.js";
import { readTables } from "./tables.js";
import { inTransaction } from "./transaction.js";

/** Whence a tenant's own database is dropped, which cannot be done from within. */
export interface DatabaseDrop {
  /** A connected client of another database of the same server, of a login that may drop this one. */
  readonly client: SqlClient;
  /** Ends the client of the premises, whose connection keeps the database. Called once, just before. */
  readonly release: () => Promise<unknown>;
}

/**
 * Counts what dropping the tenant's database takes along, and gives its name. Rejects with `PW_TENANT_DATA_REFUSED` where
 * the database is not marked as this tenant's.
 */
export function planDatabase(
  premises: Premises,
): Promise<{ readonly name: string; readonly doomed: readonly DoomedTable[] }> {
  const { client, tenantId } = premises;
  return inTransaction(client, "read", async () => {
    const { rows } = await client.query(
      "select d.datname as name, shobj_description(d.oid, 'pg_database') as mark from pg_database d where d.datname = current_database()",
    );
    const { name, mark } = rows[0] as { name: string; mark: string | null };
    if (mark !== ownershipMark(tenantId)) {
      throw refused(
        `Nothing marks the database ${name} as this tenant's. Nothing was dropped. Where it surely is, say so: comment on database ${quoteIdentifier(name)} is the text of ownershipMark(id).`,
      );
    }
    const doomed: DoomedTable[] = [];
    for (const table of await readTables(premises)) {
      doomed.push({ table, rows: await countRows(premises, table) });
    }
    return { name, doomed };
  });
}

/** Drops a database, ends whoever is connected to it, and proves that nothing of its name is left. */
export async function dropDatabase(
  premises: Premises,
  name: string,
  { client, release }: DatabaseDrop,
): Promise<void> {
  const find = async () => {
    const { rows } = await client.query(
      `select pg_catalog.shobj_description(d.oid, 'pg_database') as mark, pg_catalog.current_database() as here from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) ${quoteLiteral(name)}`,
    );
    return rows[0];
  };
  const found = await find();
  if (found?.["here"] === name || found?.["mark"] !== ownershipMark(premises.tenantId)) {
    throw refused(
      `The client that is to drop the database ${name} is in that database itself, or on a server where it is not this tenant's. Connect it to another database of the same server.`,
    );
  }
  await release();
  await client.query(`drop database ${quoteIdentifier(name)} with (force)`);
  if (await find()) throw refused(`The database ${name} is still there. Run this again.`);
}
