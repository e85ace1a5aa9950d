import { isDeepStrictEqual } from "node:util";
import type { AdoptionPlan } from "partywall/adopt";
import type { Entry } from "./entry.js";

/** Says what is wrong with a plan before anything is run. */
export function planFaults(plan: AdoptionPlan, entry: Entry): string[] {
  const faults: string[] = [];
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(plan)), plan)) {
    faults.push("the plan is not plain data");
  }
  const seen = new Set<string>();
  for (const { id, title, sql, batches, transaction } of plan.steps) {
    if (seen.has(id)) faults.push(`two steps have the id ${id}`);
    seen.add(id);
    if (title === "") faults.push(`the step ${id} has no title`);
    if ((sql.length === 0) === (batches === undefined)) {
      faults.push(`the step ${id} does nothing, or two things`);
    }
    if (!transaction && sql.length !== 1) {
      faults.push(`the step ${id} is not one statement outside a transaction`);
    }
  }
  for (const [name, columns] of Object.entries(entry.primaryKeys ?? {})) {
    const table = plan.tables.find((one) => [one.name, `${one.schema}.${one.name}`].includes(name));
    if (!isDeepStrictEqual(table?.primaryKey, columns)) {
      const planned = table?.primaryKey?.join(", ");
      faults.push(
        `the primary key of ${name} is planned as (${planned}), not (${columns.join(", ")})`,
      );
    }
  }
  return faults;
}
