import type { SqlClient } from "../guards/postgres/index.js";
import type { AdoptionPlan } from "./plan.js";
import { readSchema } from "./read-schema.js";
import type { AdoptedDatabase } from "./schema-files/adopted.js";

/**
 * Reads an adopted database as `editDrizzleSchema()` and the others take it. Changes nothing. Throws
 * `PW_CONFIG` where a schema of the plan does not exist.
 *
 * @param client a connected client of any login
 * @param plan the plan that was run, as `adoptionStatus()` gives it
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { adoptionStatus, editKyselyTypes, readAdopted } from "partywall/adopt";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const status = await adoptionStatus(client);
 * const files = [{ path: "src/db.ts", content: "export interface DB {}" }];
 * if (status) {
 *   const { notes } = await editKyselyTypes(files, await readAdopted(client, status.plan));
 *   for (const { object, text } of notes) console.log(object, text);
 * }
 * await client.end();
 * ```
 */
export async function readAdopted(client: SqlClient, plan: AdoptionPlan): Promise<AdoptedDatabase> {
  return {
    schema: await readSchema(client, plan.options.schemas ?? ["public"]),
    tables: plan.tables,
  };
}
