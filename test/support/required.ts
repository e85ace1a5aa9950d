import type { EngineName } from "./engines.js";

/** No package registry has these, so `PARTYWALL_REQUIRE=all` does not ask for them; their own names do. */
export const ONLY_BY_NAME: readonly EngineName[] = ["mongod"];

/** Whether `PARTYWALL_REQUIRE` makes a missing engine a failure: `all`, or a list with the engine's name. */
export function isRequired(name: EngineName): boolean {
  const required = (process.env["PARTYWALL_REQUIRE"] ?? "").split(",");
  return required.includes(name) || (required.includes("all") && !ONLY_BY_NAME.includes(name));
}
