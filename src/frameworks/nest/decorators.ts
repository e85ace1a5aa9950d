import { createParamDecorator, Inject, SetMetadata } from "@nestjs/common";
import type { CustomDecorator, ExecutionContext } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { anchor } from "../../scope/anchor.js";
import { tenantOf } from "../../scope/current.js";
import type { Tenant } from "../../scope/tenant.js";
import type { RouteKind } from "../options.js";
import { heldScope } from "./request-scopes.js";

const KIND = "partywall:route";
const reflector = new Reflector();

/** Token of the Partywall instance that was given to `TenancyModule`, in every module. */
export const PARTYWALL = Symbol("partywall");

/**
 * Injects the Partywall instance that was given to `TenancyModule`.
 *
 * @example
 * ```ts
 * import { Injectable } from "@nestjs/common";
 * import type { Partywall } from "partywall";
 * import { InjectPartywall } from "partywall/frameworks/nest";
 *
 * @Injectable()
 * export class Greeting {
 *   constructor(@InjectPartywall() private readonly pw: Partywall) {}
 *
 *   text() {
 *     return `Hello, ${this.pw.current().name}`;
 *   }
 * }
 * ```
 */
export const InjectPartywall = (): PropertyDecorator & ParameterDecorator => Inject(PARTYWALL);

/**
 * Says of a controller, gateway, resolver or one of its methods that it needs a tenant, which is so without it; on a method it
 * outweighs what the class says.
 *
 * @example
 * ```ts
 * import { TenantRoute } from "partywall/frameworks/nest";
 *
 * @TenantRoute()
 * export class Orders {}
 * ```
 */
export const TenantRoute = (): CustomDecorator => kind("tenant");

/**
 * Says of a class or method that it never has a tenant: it runs in a central scope.
 *
 * @example
 * ```ts
 * import { Central } from "partywall/frameworks/nest";
 *
 * @Central()
 * export class Health {}
 * ```
 */
export const Central = (): CustomDecorator => kind("central");

/**
 * Says of a class or method that it runs in the tenant that the request names, and in a central scope when it names none.
 *
 * @example
 * ```ts
 * import { Universal } from "partywall/frameworks/nest";
 *
 * @Universal()
 * export class Landing {}
 * ```
 */
export const Universal = (): CustomDecorator => kind("universal");

/**
 * Parameter of a handler: the current tenant, or one of its properties. Throws `TenantContextError` where there is none.
 *
 * @example
 * ```ts
 * import type { Tenant } from "partywall";
 * import { CurrentTenant } from "partywall/frameworks/nest";
 *
 * export class Me {
 *   show(@CurrentTenant() tenant: Tenant) {
 *     return tenant.name;
 *   }
 * }
 * ```
 */
export const CurrentTenant: (property?: keyof Tenant) => ParameterDecorator = createParamDecorator(
  (property: keyof Tenant | undefined) => {
    const tenant = tenantOf(scope());
    return property === undefined ? tenant : tenant[property];
  },
);

/**
 * Parameter of a handler: who is acting, as `pw.principal()` has it; undefined where nobody was named.
 *
 * @example
 * ```ts
 * import { CurrentPrincipal } from "partywall/frameworks/nest";
 *
 * export class Me {
 *   show(@CurrentPrincipal() user: { name: string }) {
 *     return user.name;
 *   }
 * }
 * ```
 */
export const CurrentPrincipal: () => ParameterDecorator = createParamDecorator(
  () => scope()?.principal,
);

/** What the decorators say that a route is; the method's own outweighs the class's. */
export function kindOf(context: ExecutionContext): RouteKind {
  return (
    reflector.getAllAndOverride<RouteKind | undefined>(KIND, [
      context.getHandler(),
      context.getClass(),
    ]) ?? "tenant"
  );
}

function kind(value: RouteKind): CustomDecorator {
  return SetMetadata(KIND, value);
}

function scope() {
  return anchor.als.getStore() ?? heldScope();
}
