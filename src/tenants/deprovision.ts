import { PartywallError } from "../errors.js";
import type { TenantStatus } from "../scope/tenant.js";
import type { ProvisionedTenant } from "./home.js";

/** A tenant as the registry has it; what `pw.tenants.get()` and `list()` give. */
export interface RegisteredTenant extends ProvisionedTenant {
  readonly status: TenantStatus;
}

/** How a home is taken down. */
export interface DeprovisionOptions {
  /** The tenant's slug, so that no other is meant. */
  readonly confirm: string;
  /** Looks at everything, and drops nothing; default false. */
  readonly dryRun?: boolean;
}

/** What was dropped, or would be. */
export interface DeprovisionReport {
  /** For example `schema "t_acme"`; nothing for a tenant that lives in rows, or whose home was gone already. */
  readonly dropped: readonly string[];
  /** Roles that own or may use something elsewhere, and were only kept from logging in. */
  readonly kept: readonly string[];
}

/** Throws `PW_PLACEMENT` unless a tenant that nobody enters any more was confirmed by its slug. */
export function assertMayDeprovision(
  { slug, status }: RegisteredTenant,
  { confirm }: DeprovisionOptions,
): void {
  if (confirm !== slug) {
    throw refused(
      "`confirm` is not the tenant's slug. Pass the slug, so that no other tenant is meant.",
    );
  }
  if (status !== "suspended" && status !== "deleted") {
    throw refused(`it is ${status}. Suspend or delete it first.`);
  }
}

function refused(why: string): PartywallError {
  return new PartywallError("PW_PLACEMENT", `The tenant's home was not taken down: ${why}`);
}
