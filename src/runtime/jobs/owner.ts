import { createHash } from "node:crypto";
import { outsideScope } from "../../scope/current.js";
import type { JobHost } from "./host.js";

/**
 * What names of the current tenant's begin with in a queue that all tenants share; undefined in a central or system scope. Tenant ids
 * may hold what separates, and what queues allow in no name. Throws `PW_NO_SCOPE` outside every scope.
 */
export function ownPrefix(pw: Pick<JobHost, "scope">): string | undefined {
  const scope = pw.scope();
  if (scope === undefined)
    throw outsideScope(
      "A job was added or named outside every scope, so nothing was sent. Do it inside pw.run(), or in pw.central() where it is nobody's.",
    );
  return scope.kind === "tenant" ? prefixOf(scope.tenant.id) : undefined;
}

/** Whether a name begins as those of some tenant do. */
export function isOfATenant(name: string): boolean {
  return /^[\w-]{22}_/.test(name);
}

function prefixOf(tenant: string): string {
  return `${createHash("sha256").update(tenant).digest("base64url").slice(0, 22)}_`;
}
