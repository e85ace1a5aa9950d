import { PartywallError } from "../errors.js";
import type { Placement } from "../scope/tenant.js";

/** A tenant to provision; `pw.tenants.create()` calls with exactly this. */
export interface ProvisionedTenant {
  readonly id: string;
  readonly slug: string;
  readonly placement: Placement;
}

/** `PW_PLACEMENT`: a home is not to be touched. */
export function untouched(home: string, what: string): PartywallError {
  return new PartywallError("PW_PLACEMENT", `The ${home} ${what} It was left untouched.`);
}

/** The home's name. Throws `PW_PLACEMENT` where the placement has none. */
export function homeOf({ placement }: ProvisionedTenant): string {
  if (placement.name !== undefined) return placement.name;
  throw new PartywallError(
    "PW_PLACEMENT",
    "The placement names no schema or database. Name one: homeName() makes a safe one.",
  );
}
