import { Inject, Injectable } from "@nestjs/common";
import type { CanActivate, ExecutionContext } from "@nestjs/common";
import { PartywallError } from "../../errors.js";
import { enterHttp } from "./http.js";
import { unconfined } from "./served.js";
import { TENANCY } from "./tenancy.js";
import type { Tenancy } from "./tenancy.js";

/**
 * Lets an HTTP request in already here, for guards after it that need the tenant: `@UseGuards(AuthGuard, TenancyGuard,
 * RolesGuard)`. Without it requests are let in when all guards have passed. Events of gateways are in their tenant's scope before
 * any guard. Throws `PW_CONFIG` for messages and resolvers.
 *
 * @example
 * ```ts
 * import { UseGuards } from "@nestjs/common";
 * import { TenancyGuard } from "partywall/frameworks/nest";
 *
 * @UseGuards(TenancyGuard)
 * export class Orders {}
 * ```
 */
@Injectable()
export class TenancyGuard implements CanActivate {
  readonly #tenancy: Tenancy;

  constructor(@Inject(TENANCY) tenancy: Tenancy) {
    this.#tenancy = tenancy;
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const type = context.getType<string>();
    if (type === "ws") {
      if (this.#tenancy.host.scope()?.kind !== "tenant") throw unconfined();
      return true;
    }
    if (type !== "http")
      throw new PartywallError(
        "PW_CONFIG",
        "TenancyGuard was asked about a message or a resolver, which are let in after all guards. Leave it out there.",
      );
    return new Promise((resolve, reject) => {
      enterHttp(this.#tenancy, context, {
        inside: () => resolve(true),
        failed: reject,
        gone: () => resolve(false),
      });
    });
  }
}
