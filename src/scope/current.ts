import { TenantContextError } from "../errors.js";
import { anchor } from "./anchor.js";
import type { Scope, TenantScope } from "./scope.js";
import type { ScopeSource } from "./source.js";
import type { Tenant } from "./tenant.js";

/** The nearest scope of one realm in a chain of scopes. */
export function nearest(scope: Scope | undefined, realm: string): Scope | undefined {
  let candidate = scope;
  while (candidate !== undefined && candidate.realm !== realm) candidate = candidate.parent;
  return candidate;
}

/**
 * The scope current in a realm: the AsyncLocalStorage first, then the instance's sources, then the process's. A tenant's
 * is not seen where a source withholds it.
 */
export function currentScope(realm: string, sources: readonly ScopeSource[]): Scope | undefined {
  const scope = surroundingScope(realm, sources);
  return scope?.kind === "tenant" && withheld(sources) !== undefined ? undefined : scope;
}

/** The scope that is open around the caller in a realm, whether it may be used there or not. */
export function surroundingScope(
  realm: string,
  sources: readonly ScopeSource[],
): Scope | undefined {
  const own = nearest(anchor.als.getStore(), realm);
  if (own !== undefined) return own;
  return sources.length + anchor.sources.length === 0 ? undefined : sourcedScope(realm, sources);
}

/** Why no tenant may be current here; undefined where one may. Asks the process's sources and those given. */
export function withheld(sources: readonly ScopeSource[] = []): string | undefined {
  for (const list of [sources, anchor.sources])
    for (const source of list) {
      const reason = source.withheld?.();
      if (reason !== undefined) return reason;
    }
  return undefined;
}

/** The error of an access outside every scope: `message`, or why scopes are withheld here. */
export function outsideScope(message: string): TenantContextError {
  return new TenantContextError("PW_NO_SCOPE", withheld() ?? message);
}

function sourcedScope(realm: string, sources: readonly ScopeSource[]): Scope | undefined {
  for (const source of [...sources, ...anchor.sources]) {
    const own = nearest(source.get(), realm);
    if (own !== undefined) return own;
  }
  return undefined;
}

/** The tenant of a scope. Throws {@link TenantContextError} when the scope has none. */
export function tenantOf(scope: Scope | undefined): Tenant {
  return tenantScope(scope).tenant;
}

/** The settings of a scope's tenant. Throws {@link TenantContextError} when the scope has none. */
export function settingsOf(scope: Scope | undefined): TenantScope["settings"] {
  return tenantScope(scope).settings;
}

/** The scope, which is a tenant's. Throws {@link TenantContextError} when it is none. */
export function tenantScope(scope: Scope | undefined): TenantScope {
  if (scope?.kind === "tenant") return scope;
  if (scope === undefined) {
    throw outsideScope(
      "No tenant is current: this code runs outside every scope of this Partywall instance. Call it inside pw.run(), " +
        "and hand callbacks that run later to pw.bind().",
    );
  }
  throw new TenantContextError(
    "PW_CENTRAL_SCOPE",
    `No tenant is current: a ${scope.kind} scope is open, which belongs to no one tenant. Open the tenant's scope with pw.run().`,
  );
}
