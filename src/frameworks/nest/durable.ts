import { PartywallError } from "../../errors.js";
import type { Scope } from "../../scope/scope.js";

/** The slice of Nest's `ContextId` that is used. */
interface ContextId {
  getParent?(info: { readonly token: string; readonly isTreeDurable: boolean }): object;
}

/** The first tenant that was let in with a tree of durable providers. */
const owners = new WeakMap<object, string>();

/**
 * Throws `PW_SCOPE_SWITCH` where the durable providers of a request, which a `ContextIdStrategy` has chosen before anybody was
 * let in, have served another tenant. `request` is what Nest keeps the context's id on.
 */
export function assertOwnTree(request: object, scope: Scope | undefined): void {
  const id = contextIdOf(request);
  const tree = id?.getParent?.({ token: "", isTreeDurable: true });
  if (tree === undefined || tree === id) return;
  const owner = scope?.kind === "tenant" ? `tenant ${scope.tenant.id}` : "nobody";
  const before = owners.get(tree) ?? owner;
  owners.set(tree, before);
  if (before === owner) return;
  throw new PartywallError(
    "PW_SCOPE_SWITCH",
    "The ContextIdStrategy gave a request the durable providers of another tenant, so its handler was not called. Choose them by what `resolve` finds the tenant by.",
  );
}

// Nest keeps it under a symbol that it does not export, and only for handlers that are not singletons.
function contextIdOf(request: object): ContextId | undefined {
  const key = Object.getOwnPropertySymbols(request).find(
    ({ description }) => description === "REQUEST_CONTEXT_ID",
  );
  return key === undefined ? undefined : (request as Record<symbol, ContextId>)[key];
}
