import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { refused } from "../refusal.js";

/**
 * Where one tenant's rows are, and the client that reaches them.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import type { Premises } from "partywall/tenants";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const acme: Premises = { client, strategy: "schema", schema: "tenant_acme", tenantId: "7f0c3c1e" };
 * ```
 */
export interface Premises {
  /**
   * A connected `pg.Client` of a privileged login (the owner of the tables or the system login), in no transaction.
   * Never a pool, never the application's login, and used for nothing else meanwhile.
   */
  readonly client: SqlClient;
  /** The tenant's id, as its rows have it. */
  readonly tenantId: string;
  /**
   * `row`: the rows of the tenant in every table with the wall's policy. `schema`: every table of `schema`.
   * `database`: every table of the database but those of the system and of Partywall.
   */
  readonly strategy: "row" | "schema" | "database";
  /** The tenant's own schema; for `schema` only, where it is required. */
  readonly schema?: string;
  /** For `row` and `database`: looks in these schemas alone. Default: in all. */
  readonly schemas?: readonly string[];
  /** Tables that hold no tenant's rows, `schema.name`: a migrator's journal, shared rows. Default: none. */
  readonly except?: readonly string[];
  /** For `schema` and `database`: name of the tenant column, where tables have one. Default `"tenant_id"`. */
  readonly tenantColumn?: string;
}

/** Throws `PW_TENANT_DATA_REFUSED` for premises that contradict themselves. */
export function checkPremises(premises: Premises): void {
  const { strategy, schema, tenantId } = premises;
  if (!["row", "schema", "database"].includes(strategy)) {
    throw refused(
      `There is no strategy ${JSON.stringify(strategy)}: it is row, schema or database.`,
    );
  }
  if (typeof tenantId !== "string" || tenantId === "" || tenantId.includes("\0")) {
    throw refused("The premises have no tenant's id. Give it as the rows have it, as a text.");
  }
  if ((strategy === "schema") !== (schema !== undefined)) {
    throw refused(
      strategy === "schema"
        ? "The premises are a schema, and it is not named. Give schema."
        : `The premises name a schema, but their strategy is ${strategy}. Leave schema out, or narrow the search with schemas.`,
    );
  }
  if (schema !== undefined) {
    quoteIdentifier(schema);
    if (
      schema.startsWith("pg_") ||
      ["information_schema", "partywall", "public"].includes(schema)
    ) {
      throw refused(`The schema ${schema} is no tenant's own. Name the schema of the tenant.`);
    }
  }
}
