import type { Table } from "../schema.js";
import { quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { choiceOf } from "./adoptees.js";
import { label, primaryKey, type Adoptee, type Draft } from "./draft.js";
import { isWalls } from "./kept-policies.js";
import { findRules } from "./rules.js";

const TYPES: Record<string, RegExp> = {
  uuid: /^uuid$/,
  bigint: /^bigint$/,
  text: /^(?:text|character varying(?:\(\d+\))?)$/,
};

/** Finds what the plan cannot answer for, before anything is changed. */
export function findObstacles(draft: Draft): void {
  for (const adoptee of draft.adoptees.values()) {
    const { table, former, column } = adoptee;
    if (table.kind === "foreign") {
      draft.obstacle({
        code: "foreign-table",
        object: label(table),
        why: "PostgreSQL has no row security on foreign tables.",
        remedy:
          "Declare it unmanaged and keep the application's login away from it, or guard it where it lives.",
        acknowledgeable: false,
      });
    }
    if (table.ofType !== null) {
      draft.obstacle({
        code: "typed-table",
        object: label(table),
        why: "PostgreSQL adds no column to a table that was created OF a type.",
        remedy: `Run alter table ${adoptee.sql} not of.`,
        acknowledgeable: false,
      });
    }
    if (former !== undefined && (former.generated || former.identity !== null)) {
      draft.obstacle({
        code: "tenant-column-generated",
        object: `${label(table)}.${column}`,
        why: "The tenant column is computed or numbered by itself, so the database cannot stamp it.",
        remedy: `Run alter table ${adoptee.sql} alter column ${quoteIdentifier(column)} drop ${former.generated ? "expression" : "identity"}.`,
        acknowledgeable: false,
      });
    }
    if (table.owner === draft.options.roles.app) {
      draft.obstacle({
        code: "owner",
        object: label(table),
        why: "The application's login owns it, and could take its policies away.",
        remedy: `Run alter table ${adoptee.sql} owner to the login that runs migrations.`,
        acknowledgeable: false,
      });
    }
    findEmptying(draft, adoptee);
    for (const trigger of table.triggers) {
      if (!trigger.isPastPolicies || trigger.isInherited) continue;
      draft.obstacle({
        code: "trigger-fired-by-foreign-key",
        object: `${label(table)}.${trigger.name}`,
        why: "The ON DELETE or ON UPDATE action of a foreign key fires it too. PostgreSQL runs that under no policy, and with it what the trigger's function reads and writes, which may be another tenant's where ids collide.",
        remedy: `Name the tenant in its function's statements (where ${quoteIdentifier(column)} = old.${quoteIdentifier(column)}) once the column is there. Acknowledged, it stays as it is.`,
        acknowledgeable: true,
      });
    }
    if (former !== undefined && TYPES[draft.type]?.test(former.type) !== true) {
      draft.obstacle({
        code: "tenant-column-type",
        object: `${label(table)}.${column}`,
        why: `The tenant column is of type ${former.type}, and the tenants' ids here are ${draft.type}.`,
        remedy: `Alter it to ${draft.type}, or set tenantType; a tenant column is uuid, bigint, text or varchar.`,
        acknowledgeable: false,
      });
    }
    findInheritance(draft, table);
    findPolicies(draft, table);
  }
  findRules(draft);
  findReferences(draft);
  findDefiners(draft);
  for (const name of draft.schema.publicationsOfAll) {
    draft.notice(
      "publication",
      name,
      "It publishes every table: its subscribers get the rows of all tenants.",
    );
  }
}

// PostgreSQL applies the policies of the table that is named, not those of the children it reads.
function findInheritance(draft: Draft, table: Table): void {
  const parents = [...table.inherits, ...(table.partitionOf ? [table.partitionOf] : [])];
  const children = draft.schema.tables.filter((child) =>
    [...child.inherits, ...(child.partitionOf ? [child.partitionOf] : [])].some(
      (parent) => parent.schema === table.schema && parent.name === table.name,
    ),
  );
  for (const relative of [...parents, ...children]) {
    if (draft.adoptee(relative) !== undefined) continue;
    draft.obstacle({
      code: "inheritance",
      object: label(table),
      why: `It is a tenant's and its relative ${label(relative)} is not: who reads the parent passes the policies of the child.`,
      remedy: "Declare parent and children the same, or end the inheritance.",
      acknowledgeable: false,
    });
  }
}

function findPolicies(draft: Draft, table: Table): void {
  if (table.policies.every(isWalls)) return;
  if (table.rowSecurity === "forced") {
    draft.notice(
      "policy",
      label(table),
      "Its own policies stay. What its permissive ones let through the application's login is kept by restrictive ones beside the wall's.",
    );
    return;
  }
  draft.obstacle({
    code: "policy",
    object: label(table),
    why:
      table.rowSecurity === "off"
        ? "The table has policies but row security is off, so they would come into force with the wall."
        : "The table's policies did not bind its owner, and will bind every login with the wall.",
    remedy: "Drop them, or acknowledge that they come into force.",
    acknowledgeable: true,
  });
}

// A foreign key over a tenant column that was there already.
function findEmptying(draft: Draft, { table, column }: Adoptee): void {
  for (const key of table.foreignKeys) {
    if (key.isInherited || !key.columns.includes(column) || key.columns.length === 1) continue;
    const limited = key.onDeleteColumns.length > 0 ? key.onDeleteColumns : key.columns;
    const empties =
      (key.onDelete.startsWith("set") && limited.includes(column)) ||
      key.onUpdate.startsWith("set");
    if (!empties && key.match !== "full") continue;
    draft.obstacle({
      code: "foreign-key-over-tenant",
      object: `${label(table)}.${key.name}`,
      why: empties
        ? "What it does when the referenced row goes or changes would change the row's tenant."
        : "MATCH FULL takes a row with a tenant and no reference for half a key.",
      remedy:
        "Limit its action to the other columns (ON DELETE SET NULL (column)), and make it MATCH SIMPLE.",
      acknowledgeable: false,
    });
  }
}

function findReferences(draft: Draft): void {
  const within = draft.schema.tables.flatMap((table) =>
    draft.adoptee(table) === undefined
      ? table.foreignKeys.map((foreignKey) => ({ table, foreignKey }))
      : [],
  );
  for (const { table, foreignKey } of [...within, ...draft.schema.foreignKeysFromOutside]) {
    const target = draft.adoptee(foreignKey.references);
    if (target === undefined || foreignKey.isInherited) continue;
    const key = primaryKey(target.table);
    const isKey =
      key?.keys.length === foreignKey.referencedColumns.length &&
      key.keys.every(
        ({ column }) => column !== null && foreignKey.referencedColumns.includes(column),
      );
    const object = `${label(table)}.${foreignKey.name}`;
    const known = draft.table(table);
    const choice = known && choiceOf(draft, known);
    if (target.keepsKey && isKey && choice?.writable !== true) {
      draft.obstacle({
        code: "foreign-key-into-tenant",
        object,
        why: `A table that is no tenant's points at rows of ${label(target.table)}: whoever reads it learns their ids, and what a tenant deletes cascades into it.`,
        remedy: `Declare ${label(table)} a tenant table as well, or drop the foreign key. Acknowledged, it stays.`,
        acknowledgeable: true,
      });
      continue;
    }
    draft.obstacle({
      code: "foreign-key",
      object,
      why:
        choice?.writable === true
          ? `Every tenant may write ${label(table)}, and could point it at another's rows of ${label(target.table)}.`
          : `It points from a table that is no tenant's at a key of ${label(target.table)} that will be unique within a tenant only.`,
      remedy: `Declare ${label(table)} a tenant table as well, with its schema among those adopted, or drop the foreign key.`,
      acknowledgeable: false,
    });
  }
}

function findDefiners(draft: Draft): void {
  for (const routine of draft.schema.routines) {
    if (!routine.isSecurityDefiner || routine.extension !== null || routine.schema === "partywall")
      continue;
    draft.obstacle({
      code: "security-definer",
      object: routine.signature,
      why: "A SECURITY DEFINER function runs with the rights and under the policies of its owner, whoever calls it.",
      remedy: `Alter it to SECURITY INVOKER, or revoke EXECUTE on it from the application's login. Acknowledged, it stays as it is.`,
      acknowledgeable: true,
    });
  }
}
