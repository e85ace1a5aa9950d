import { PartywallError } from "../errors.js";
import { knownOptions } from "../resolvers/known-options.js";
import type { TenancyOptions } from "./options.js";

const HOOKS = ["authorize", "principal", "enterAs", "routes", "onRefusal"] as const;

/** A copy of the options; throws `PW_CONFIG` on one that cannot be meant. */
export function checkedOptions<Req, Principal, F>(
  given: TenancyOptions<Req, Principal, F>,
  frameworkOptions: readonly string[],
): TenancyOptions<Req, Principal, F> {
  knownOptions("tenancy()", given, ["resolve", ...HOOKS, ...frameworkOptions]);
  const options = { ...given };
  for (const hook of HOOKS)
    if (hook in options && typeof options[hook] !== "function")
      throw new PartywallError("PW_CONFIG", `tenancy() needs a function as "${hook}".`);
  // Without authorize nobody reads it, and whoever gave it believes that something is checked.
  for (const needing of ["principal", "enterAs"] as const)
    if (options[needing] !== undefined && options.authorize === undefined)
      throw new PartywallError(
        "PW_CONFIG",
        `tenancy() has ${needing} and no authorize, so nothing would be decided by it. Give authorize.`,
      );
  return options;
}
