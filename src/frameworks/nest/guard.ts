import { Inject, Injectable } from "@nestjs/common";
import type { CanActivate, ExecutionContext } from "@nestjs/common";
import { PartywallError } from "../../errors.js";
import { enterHttp } from "./http.js";
import { TENANCY } from "./tenancy.js";
import type { Tenancy } from "./tenancy.js";

/**
 * Lets an HTTP request in already here, for guards after it that need the tenant: `@UseGuards(AuthGuard, TenancyGuard,
 * RolesGuard)`. Without it requests are let in when all guards have passed. Throws `PW_CONFIG` elsewhere than in HTTP.
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

  canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType<string>() !== "http")
      throw new PartywallError(
        "PW_CONFIG",
        "TenancyGuard was asked about something that is no HTTP request. Leave it out there: events, messages and resolvers are let in after all guards.",
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
