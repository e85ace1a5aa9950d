import type { SqlClient } from "../../guards/postgres/ddl/catalog.js";
import { quoteIdentifier, tableName } from "../../guards/postgres/ddl/identifier.js";
import type { Privilege } from "../../guards/postgres/ddl/privileges.js";
import type { SealForm } from "../../guards/postgres/ddl/roles.js";
import {
  applyWall,
  planWall,
  printWall,
  type WallOptions,
} from "../../guards/postgres/ddl/wall.js";
import { createTable, grantStatements } from "../../registry/postgres-table.js";
import type { PartywallConfig } from "../define-config.js";

/** A wall to plan or build, and the registry's login, which gets its table and the rights on it. */
export interface PoliciesRequest extends WallOptions {
  readonly registry?: string;
}

/** The SQL of a wall. */
export interface PoliciesPlan {
  readonly seal: SealForm;
  /** One script, to be run as it is. */
  readonly sql: string;
}

/** What building a wall came to. */
export interface PoliciesReport {
  readonly seal: SealForm;
  /** Rights that could not be taken, with what stays open. */
  readonly missing: readonly Pick<Privilege, "code" | "superuser" | "otherwise">[];
}

/** The SQL that builds the wall on the database as it is now; nothing is changed. Throws what `planWall` throws. */
export async function planPolicies(
  client: SqlClient,
  request: PoliciesRequest,
): Promise<PoliciesPlan> {
  const plan = await planWall(client, request);
  const registry = registrySql(request).map((sql) => `${sql};\n`);
  return { seal: plan.seal, sql: [printWall(plan), ...registry].join("") };
}

/** Builds the wall, then the registry's table. Throws what `applyWall` throws. */
export async function applyPolicies(
  client: SqlClient,
  request: PoliciesRequest,
): Promise<PoliciesReport> {
  const { seal, missing } = await applyWall(client, request);
  for (const sql of registrySql(request)) await client.query(sql);
  return {
    seal,
    missing: missing.map(({ code, superuser, otherwise }) => ({ code, superuser, otherwise })),
  };
}

function registrySql({ registry }: PoliciesRequest): string[] {
  if (registry === undefined) return [];
  const login = quoteIdentifier(registry);
  const names = { schema: "partywall", table: "tenants" };
  return [createTable(names).trim().replace(/;$/, ""), ...grantStatements(names, login)];
}

/** The tables of a configuration, as a wall takes them. */
export function tablesOf(
  tables: PartywallConfig["tables"] = {},
): Required<Pick<WallOptions, "tables" | "shared">> {
  const choices = Object.entries(tables).map(
    ([name, choice]) =>
      [tableName(name), typeof choice === "string" ? { kind: choice } : choice] as const,
  );
  return {
    tables: choices.flatMap(([table, { kind, column }]) =>
      kind === "tenant" ? [{ ...table, ...(column === undefined ? {} : { column }) }] : [],
    ),
    shared: choices.flatMap(([table, { kind, writable }]) =>
      kind === "shared" ? [{ ...table, ...(writable === undefined ? {} : { writable }) }] : [],
    ),
  };
}
