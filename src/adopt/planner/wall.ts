import { confinementSql } from "../../guards/postgres/ddl/confinement.js";
import { qualified, quoteIdentifier } from "../../guards/postgres/ddl/identifier.js";
import { sharedTableSql, tableSql } from "../../guards/postgres/ddl/policies.js";
import type { WallRoles } from "../../guards/postgres/ddl/roles.js";
import type { RolloutMode, RolloutPlan } from "../../guards/postgres/ddl/rollout.js";
import { sealSql } from "../../guards/postgres/ddl/seal-sql.js";
import type { WallPlan } from "../../guards/postgres/index.js";
import type { ObjectName, Table } from "../schema.js";
import { tenantLiteral, unassignSql } from "./columns.js";
import { label, type Adoptee, type Draft } from "./draft.js";
import { confinedOn } from "./rules.js";
import { isShown } from "./views.js";
import { keptPoliciesSql } from "./kept-policies.js";

/** Creates the schema `partywall` with the seal, which policies and defaults call. */
export function planSeal(
  draft: Draft,
  wall: WallPlan,
  roles: WallRoles,
  rollout: RolloutPlan,
): void {
  draft.step({
    id: "seal",
    phase: "enforce",
    title: "Create the seal: the functions that tell the database whose transaction it is",
    sql: sealSql(roles, wall.seal, rollout.until !== undefined),
  });
}

/** Puts each table behind the wall: the default that stamps, the policies, the rights. */
export function planWalls(draft: Draft, roles: WallRoles, rollout: RolloutPlan): void {
  for (const adoptee of draft.adoptees.values()) {
    if (adoptee.table.partitionOf !== null) continue;
    const { table } = adoptee;
    const family = [adoptee, ...descendants(draft, table)];
    const mode = rollout.modeOf(table);
    draft.step({
      id: `${label(table)}/wall`,
      phase: "enforce",
      title:
        mode === undefined || rollout.until === undefined
          ? `Put ${label(table)} behind the wall`
          : `Put ${label(table)} behind the wall, for now to ${mode}, until ${new Date(rollout.until).toISOString()}`,
      sql: [
        ...family.flatMap((member) => wallSql(draft, member, roles, mode, rollout.until)),
        // Short of being enforced, rows may be written by nobody in particular.
        ...(mode === undefined ? unassignSql(adoptee) : []),
        ...keptPoliciesSql(adoptee, roles.app),
      ],
      locks: family.map((member) => ({ table: member.sql, mode: "ACCESS EXCLUSIVE" as const })),
    });
  }
}

function descendants(draft: Draft, table: ObjectName): Adoptee[] {
  return draft.partitionsOf(table).flatMap((partition) => {
    const adoptee = draft.adoptee(partition);
    return [...(adoptee ? [adoptee] : []), ...descendants(draft, partition)];
  });
}

function wallSql(
  draft: Draft,
  adoptee: Adoptee,
  roles: WallRoles,
  mode: RolloutMode | undefined,
  until: number | undefined,
): string[] {
  const { table, column, former, choice } = adoptee;
  const target = {
    table: { schema: table.schema, name: table.name },
    column,
    type: draft.type,
    serials: [],
    // Every index that is needed has been built beside the running application.
    indexed: true,
    partition: table.partitionOf !== null,
  };
  // What the column's default is by then.
  const standing =
    former?.default ?? (choice.assign === undefined ? tenantLiteral(draft) : undefined);
  const rollout = mode === undefined || until === undefined ? undefined : { mode, until, standing };
  return [
    ...tableSql(target, roles, rollout),
    ...confinedOn(draft, adoptee).flatMap((owner) => confinementSql(target, owner)),
    ...sequenceSql(table, roles),
  ];
}

// An identity column needs no right on its sequence; a default that calls one does, whoever owns it.
function sequenceSql(table: Table, roles: WallRoles): string[] {
  const app = quoteIdentifier(roles.app);
  return table.columns.flatMap(({ sequence, identity }) =>
    sequence === null || identity !== null
      ? []
      : [
          `revoke all on sequence ${qualified(sequence)} from public, ${app}`,
          `grant usage on sequence ${qualified(sequence)} to ${app}, ${quoteIdentifier(roles.system)}`,
        ],
  );
}

/** Opens the shared tables to every scope. */
export function planShared(
  draft: Draft,
  shared: readonly { readonly table: Table; readonly writable: boolean }[],
  roles: WallRoles,
): void {
  for (const { table, writable } of shared) {
    draft.step({
      id: `${label(table)}/shared`,
      phase: "enforce",
      title: `Open ${label(table)} to every scope, ${writable ? "also to be written" : "to be read"}`,
      sql: [
        ...sharedTableSql(table, roles, writable),
        ...(writable ? sequenceSql(table, roles) : []),
      ],
    });
  }
}

/** Gives the logins their way into the schemas, and takes from the application's what could pass the wall. */
export function planPrivileges(draft: Draft, wall: WallPlan, roles: WallRoles): void {
  const logins = `${quoteIdentifier(roles.app)}, ${quoteIdentifier(roles.system)}`;
  const shown = draft.schema.views.filter(
    (view) => view.extension === null && isShown(draft, view),
  );
  const schemas = new Set(
    [...draft.schema.tables, ...shown, ...draft.schema.sequences].map(({ schema }) => schema),
  );
  draft.step({
    id: "schemas",
    phase: "enforce",
    title: "Let the logins into the schemas",
    sql: [...schemas].map(
      (schema) => `grant usage on schema ${quoteIdentifier(schema)} to ${logins}`,
    ),
  });
  if (draft.schema.sequences.length > 0) {
    draft.step({
      id: "sequences",
      phase: "enforce",
      title: "Let the logins draw from the sequences that belong to no column",
      sql: draft.schema.sequences.map(
        (sequence) => `grant usage on sequence ${qualified(sequence)} to ${logins}`,
      ),
    });
  }
  for (const { code, sql, otherwise, open } of wall.privileges) {
    draft.step({
      id: `privilege/${code}`,
      phase: "enforce",
      title: `Take a right from the application's login (${code}); with it, ${otherwise}`,
      sql: [sql],
      // REVOKE of what another granted only warns.
      done: `select not (${open}) as done`,
      mayBeRefused: true,
    });
  }
}
