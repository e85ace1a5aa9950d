import type { Partywall } from "../../partywall.js";
import type { MongoAudit, MongoGuard } from "../../guards/mongodb/index.js";
import { SCOPE, type AuditRequest } from "./audit-request.js";

/** The MongoDB guard of an instance; undefined where it has none that can be audited. */
export function mongoGuardOf(pw: Partywall): Pick<MongoGuard, "audit"> | undefined {
  const guard = (pw.mongodb ?? {}) as Partial<MongoGuard>;
  return typeof guard.audit === "function" ? (guard as MongoGuard) : undefined;
}

/** Lets the guard of an application look at its servers, for the tenants of the registry. */
export async function auditMongodb(
  pw: Partywall,
  guard: Pick<MongoGuard, "audit">,
  { mongodb = {} }: AuditRequest,
): Promise<MongoAudit> {
  const tenants = () => pw.tenants.all();
  return pw.system(SCOPE, () => guard.audit({ ...mongodb, tenants }));
}
