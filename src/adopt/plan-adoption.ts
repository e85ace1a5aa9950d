import { PartywallError } from "../errors.js";
import { planWall, type SqlClient } from "../guards/postgres/index.js";
import { RolloutPlan } from "../guards/postgres/ddl/rollout.js";
import type { TenantType } from "../guards/postgres/ddl/seal-sql.js";
import type { AdoptOptions } from "./options.js";
import type { AdoptionPlan, TablePlan } from "./plan.js";
import { assertNamedTables, choiceOf, findAdoptees } from "./planner/adoptees.js";
import { planBackfill, planColumns } from "./planner/columns.js";
import { Draft, primaryKey } from "./planner/draft.js";
import { findDependents } from "./planner/dependents.js";
import { planExclusions } from "./planner/exclusions.js";
import { planForeignKeys, swapForeignKeys } from "./planner/foreign-keys.js";
import { planIndexes } from "./planner/indexes.js";
import { findObstacles } from "./planner/obstacles.js";
import { planRegistry } from "./planner/registry.js";
import { planSequences } from "./planner/sequences.js";
import { swapIndexes } from "./planner/swaps.js";
import { planViews } from "./planner/views.js";
import { planPrivileges, planSeal, planShared, planWalls } from "./planner/wall.js";
import { readSchema } from "./read-schema.js";
import { PHASES } from "./step.js";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const BIGINT = /^(?:0|-?[1-9]\d{0,18})$/;

/**
 * Reads a single-tenant schema from the live catalogue and plans the steps that put it behind the wall: `expand` beside
 * the running application, `backfill`, `enforce`. Changes nothing. Throws `PW_CONFIG` for options that do not fit the
 * database, and what `planWall` throws; what cannot be adopted as it is comes back as an obstacle.
 *
 * @param client a connected client of the login that owns the tables; never the application's
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { planAdoption } from "partywall/adopt";
 *
 * const client = new pg.Client(process.env["MIGRATION_URL"]);
 * await client.connect();
 * const plan = await planAdoption(client, {
 *   roles: { app: "shop_app", system: "shop_system" },
 *   tenant: "7f0c3c1e-5d0e-4a52-9f0e-0d3c5f1b2a34",
 *   tables: { countries: "shared" },
 * });
 * for (const { object, why, remedy } of plan.obstacles) console.warn(object, why, remedy);
 * console.log(plan.steps.length, "steps");
 * await client.end();
 * ```
 */
export async function planAdoption(
  client: SqlClient,
  options: AdoptOptions,
): Promise<AdoptionPlan> {
  const type = tenantType(options);
  const schema = await readSchema(client, options.schemas ?? ["public"]);
  const draft = new Draft(schema, options, type);
  assertNamedTables(draft);
  findAdoptees(draft);
  findObstacles(draft);
  await planRegistry(client, draft);
  planColumns(draft);
  planIndexes(draft);
  planExclusions(draft);
  planBackfill(draft);
  const successors = planForeignKeys(draft);
  planSequences(draft);
  const roles =
    options.roles.migrator === undefined && !schema.isSuperuser
      ? { ...options.roles, migrator: schema.login }
      : options.roles;
  const wall = await planWall(client, {
    roles: options.roles,
    tables: [],
    ...(options.seal && { seal: options.seal }),
  });
  const rollout = new RolloutPlan(options.rollout);
  planSeal(draft, wall, roles, rollout);
  swapForeignKeys(draft, successors);
  swapIndexes(draft, successors);
  planViews(draft);
  planWalls(draft, roles, rollout);
  rollout.assertUsed();
  const shared = schema.tables.flatMap((table) => {
    const choice = choiceOf(draft, table);
    return choice.kind === "shared" && table.extension === null
      ? [{ table, writable: choice.writable === true }]
      : [];
  });
  planShared(draft, shared, roles);
  await findDependents(client, draft);
  planPrivileges(draft, wall, roles);
  return {
    options,
    tables: schema.tables.map((table) => describe(draft, table)),
    steps: PHASES.flatMap((phase) => draft.steps.filter((step) => step.phase === phase)),
    obstacles: draft.obstacles,
    notices: draft.notices,
  };
}

function describe(draft: Draft, table: AdoptionPlanTable): TablePlan {
  const { schema, name } = table;
  const adoptee = draft.adoptee(table);
  if (adoptee === undefined) return { schema, name, kind: choiceOf(draft, table).kind };
  const key = primaryKey(table)?.keys.map(({ column }) => column as string);
  const { column, former, keepsKey } = adoptee;
  const isKept = keepsKey || key?.includes(column) === true;
  return {
    schema,
    name,
    kind: "tenant",
    column,
    hadColumn: former !== undefined,
    ...(key && { primaryKey: isKept ? key : [column, ...key] }),
  };
}

type AdoptionPlanTable = Draft["schema"]["tables"][number];

// An id is written into rows as a column of its type writes it, or the seal would never match them.
function tenantType(options: AdoptOptions): TenantType {
  const { tenant, tenantType: wanted } = options;
  if (tenant === "") {
    throw new PartywallError(
      "PW_CONFIG",
      "The tenant that the present rows become the property of has no id. Give `tenant` the id it has in the registry.",
    );
  }
  const guessed = UUID.test(tenant) ? "uuid" : BIGINT.test(tenant) ? "bigint" : "text";
  if (wanted === undefined || wanted === guessed || wanted === "text") return wanted ?? guessed;
  throw new PartywallError(
    "PW_CONFIG",
    `The tenant's id is not written as a ${wanted} column writes it (a uuid in lower case with dashes, a bigint without sign or leading zeros). Mend \`tenant\` or \`tenantType\`.`,
  );
}
