import type { Severity } from "../../severity.js";
import type { SqlClient } from "../ddl/catalog.js";
import type { TableName } from "../ddl/identifier.js";

/** What is audited: the wall of one application in the database of the connection. */
export interface AuditSubject {
  /** Role name of the application's login. */
  readonly login: string;
  /** Role name of the system login. */
  readonly system: string;
  /** Role name of the login that owns the tables, if it has a policy of its own. */
  readonly migrator?: string;
  /** Name of the tenant column, by which a table that nobody put behind the wall is known for one that should be. */
  readonly tenantColumn: string;
  /** What is said elsewhere of tables: those of tenants must stand behind the wall, the others need not. */
  readonly declared?: readonly (TableName & { readonly kind: "tenant" | "shared" | "unmanaged" })[];
}

/** An object that a check found, as SQL spells it. */
export interface Found {
  readonly object: string;
  /** The SQL that mends this one, where that of the check does not fit; null where a person must decide. */
  readonly sql?: string | null;
}

/**
 * One question to the live catalogue. In `why`, `fix` and `sql`, `{object}` and `{login}` stand for the object that was found
 * and the application's login, both quoted as SQL needs them.
 */
export interface Check {
  /** Stable name, in kebab case. */
  readonly code: string;
  readonly severity: Severity;
  /** What follows for the tenants, in one sentence. */
  readonly why: string;
  /** What to do, in a sentence. */
  readonly fix: string;
  /** The SQL that mends it, without the last semicolon; absent where a person must decide, or `find` knows it. */
  readonly sql?: string;
  /**
   * What finds the objects. Most are a query with the column `object`, a row for each, and where the SQL differs from
   * one to the next the column `sql`; it may read the relations of `relations.ts` and runs with a search path of `pg_catalog` alone. A function is for what one query cannot tell.
   */
  readonly find: string | ((client: SqlClient) => Promise<readonly Found[]>);
}

/** Something that leads around the wall, or may. */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  /** The object, as SQL spells it. */
  readonly object: string;
  readonly why: string;
  /** What to do, in a sentence. */
  readonly fix: string;
  /** The SQL that mends it, for the owner of the object; absent where a person must decide. */
  readonly sql?: string;
}
