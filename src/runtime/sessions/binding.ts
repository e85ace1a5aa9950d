import { PartywallError } from "../../errors.js";
import { scopeKeyspace, type CacheHost } from "../keyv.js";
import { tenantPrefix } from "../redis/keyspace.js";

/** Where a session keeps whose it is. */
const OWNER = "partywall";

type Bound = { [OWNER]?: unknown };

/**
 * Binds a session to the current tenant or central scope: call it where a session begins or somebody signs in, on the session that is
 * kept afterwards. The session must live on the server or be signed. Stores of `tenantSessions` and `boundSessions` do it by themselves.
 *
 * Throws `PW_TENANT_FORBIDDEN` (404) for a session that is bound to another, and `TenantContextError` outside a scope.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { bindSession } from "partywall/runtime/sessions";
 *
 * const pw = createPartywall();
 * export const signIn = (session: { user?: string }, user: string) => {
 *   bindSession(pw, session);
 *   session.user = user;
 * };
 * ```
 */
export function bindSession(pw: CacheHost, session: object): void {
  checkSession(pw, session);
  (session as Bound)[OWNER] = scopeKeyspace(pw)().prefix;
}

/**
 * Refuses a session that is bound to another tenant than the current: call it for every request, inside the scope and before the session is
 * used. A session that is bound to nobody yet passes.
 *
 * Throws `PW_TENANT_FORBIDDEN` (404), and `TenantContextError` outside a scope.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { checkSession } from "partywall/runtime/sessions";
 *
 * const pw = createPartywall();
 * export const checked = (req: { session: object }, _res: unknown, next: () => void) => {
 *   checkSession(pw, req.session);
 *   next();
 * };
 * ```
 */
export function checkSession(pw: CacheHost, session: object): void {
  const { prefix } = scopeKeyspace(pw)();
  const owner = ownerOf(session);
  if (owner === undefined || owner === prefix) return;
  throw new PartywallError(
    "PW_TENANT_FORBIDDEN",
    "The session belongs to another tenant than the request. Sign in again at this tenant's address.",
  );
}

/**
 * Whether a session may be used at a tenant: it is bound to it, or to nobody yet. For `authorize`, which runs before the scope;
 * without a session there is nothing to refuse.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { sessionFits } from "partywall/runtime/sessions";
 *
 * const pw = createPartywall();
 * export const authorize = ({ tenant, req }: { tenant: { id: string }; req: { session?: object } }) =>
 *   sessionFits(pw, req.session, tenant);
 * ```
 */
export function sessionFits(
  pw: Pick<CacheHost, "realm">,
  session: object | null | undefined,
  tenant: { readonly id: string },
): boolean {
  const owner = session ? ownerOf(session) : undefined;
  return owner === undefined || owner === tenantPrefix(pw.realm, tenant.id);
}

/** The session with whose it is written into it. */
export function marked(session: object, prefix: string): object {
  return { ...session, [OWNER]: prefix };
}

/** The session without the mark, or undefined where it is marked for somebody else. */
export function unmarked(session: unknown, prefix: string): object | undefined {
  if (typeof session !== "object" || session === null || ownerOf(session) !== prefix)
    return undefined;
  const { [OWNER]: _, ...rest } = session as Bound & Record<string, unknown>;
  return rest;
}

/** Whose a session is; undefined for nobody's. */
export function ownerOf(session: object): unknown {
  return (session as Bound)[OWNER];
}
