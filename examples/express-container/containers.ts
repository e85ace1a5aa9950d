import * as library from "awilix";
import { awilix, tenantContainer } from "partywall/runtime/container";
import type { Goals } from "../goals-database.js";
import { GoalService, openDrizzle } from "./goals.js";

/** The one container of the process, and what each tenant's scope is given of it. */
export function containersOf(pw: Goals) {
  const root = library.createContainer({ strict: true });
  root.register({ startedAt: library.asValue(new Date()) });
  return tenantContainer(pw, awilix(library, root), {
    bindings: [
      { token: "db", useValue: openDrizzle(pw) },
      { token: "goals", useClass: GoalService },
    ],
    userContext: "user",
  });
}

export type Containers = ReturnType<typeof containersOf>;
