import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { qualified, quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { refused } from "../refusal.js";
import { titleOf, type PremisesTable } from "./tables.js";

/** Triggers that are off, and how they are put on again. */
export interface SilencedTriggers {
  /** `trigger on schema.table`. */
  readonly names: readonly string[];
  restore(): Promise<void>;
}

/**
 * Puts the user's triggers of tables off within the transaction; foreign keys are checked nevertheless. Others wait with
 * their writes to these tables until it ends, so none of theirs goes without its triggers. Rejects with
 * `PW_TENANT_DATA_REFUSED` where the login does not own a table that has some.
 */
export async function silenceTriggers(
  client: SqlClient,
  tables: readonly PremisesTable[],
): Promise<SilencedTriggers> {
  const foreign = tables.find(({ owned, triggers }) => !owned && triggers.length > 0);
  if (foreign) {
    throw refused(
      `${titleOf(foreign)} has triggers (${foreign.triggers.map(({ name }) => name).join(", ")}), which would run again for rows that are only brought back, and this login may not put them off. Use the login that owns the table, or say triggers: "fire".`,
    );
  }
  const triggers = tables.flatMap((table) => table.triggers);
  const alter = (index: number, action: string) => {
    const { table, name } = triggers[index]!;
    return client.query(
      `alter table only ${qualified(table)} ${action} trigger ${quoteIdentifier(name)}`,
    );
  };
  if (triggers.length > 0) await client.query("set local lock_timeout = '10s'");
  for (const index of triggers.keys()) await alter(index, "disable");
  if (triggers.length > 0) await client.query("set local lock_timeout to default");
  return {
    names: triggers.map(({ table, name }) => `${name} on ${titleOf(table)}`),
    restore: async () => {
      for (const [index, { always }] of triggers.entries()) {
        await alter(index, always ? "enable always" : "enable");
      }
    },
  };
}
