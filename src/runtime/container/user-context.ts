import { PartywallError } from "../../errors.js";
import type { TenantScope } from "../../scope/scope.js";
import type { Tenant } from "../../scope/tenant.js";

/**
 * Whose data a service works on and for whom, as it is injected; frozen, and pinned to its scope.
 *
 * @example
 * ```ts
 * import type { UserContext } from "partywall/runtime/container";
 *
 * interface User { readonly id: string; readonly role: "owner" | "member" }
 * export const mayDelete = (user: UserContext<User, User["role"]>) => user.role === "owner";
 * ```
 */
export interface UserContext<
  Principal = unknown,
  Role = unknown,
  Fields = Readonly<Record<string, unknown>>,
> {
  readonly tenant: Tenant<Fields>;
  /** Who is acting: what `pw.principal()` gives; undefined where nobody was named. */
  readonly principal: Principal;
  /** The role of the principal: its property `role` unless told. */
  readonly role: Role;
}

/** How a principal's role is read; the property `role` of an object unless told. */
export type RoleOf = (principal: unknown) => unknown;

export function userContext(scope: TenantScope, roleOf: RoleOf = ownRole): UserContext {
  const role = roleOf(scope.principal);
  if (role instanceof Promise)
    throw new PartywallError(
      "PW_CONFIG",
      "tenantContainer({ role }) must not return a promise. Find the role where the scope is opened (enterAs, or the principal of pw.run) and let role() read it.",
    );
  return Object.freeze({ tenant: scope.tenant, principal: scope.principal, role });
}

function ownRole(principal: unknown): unknown {
  return typeof principal === "object" && principal !== null
    ? (Reflect.get(principal, "role") as unknown)
    : undefined;
}
