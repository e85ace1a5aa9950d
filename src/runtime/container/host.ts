import type { TenantKey } from "../../scope/directory.js";
import type { Scope } from "../../scope/scope.js";

/**
 * The part of a Partywall instance that a container uses; what `createPartywall` returns fits.
 *
 * @example
 * ```ts
 * import type { ContainerHost } from "partywall/runtime/container";
 *
 * export const inTenant = (host: ContainerHost) => host.scope()?.kind === "tenant";
 * ```
 */
export interface ContainerHost {
  run<T>(
    tenant: TenantKey,
    fn: () => T,
    options?: { readonly principal?: unknown },
  ): Promise<Awaited<T>>;
  scope(): Scope | undefined;
  bind<Args extends unknown[], Result>(fn: (...args: Args) => Result): (...args: Args) => Result;
}
