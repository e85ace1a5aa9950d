import type { ExecutionContext, OnModuleDestroy } from "@nestjs/common";
import { PartywallError } from "../../errors.js";
import { gate } from "../gate.js";
import type { Gate } from "../gate.js";
import { warn } from "../node-entrance.js";
import type { Refusal, RouteKind } from "../options.js";
import { kindOf } from "./decorators.js";
import type { NestTenancyHost, TenancyModuleOptions } from "./options.js";
import { TenantGateways } from "./gateways.js";
import { RequestScopes } from "./request-scopes.js";

/** Token of the module's {@link Tenancy}. */
export const TENANCY = Symbol("partywall tenancy");

type Fields = Readonly<Record<string, unknown>>;

/** What the parts of one `TenancyModule` share. */
export class Tenancy implements OnModuleDestroy {
  readonly host: NestTenancyHost;
  readonly scopes = new RequestScopes();
  readonly routes: (context: ExecutionContext) => RouteKind | PromiseLike<RouteKind>;
  readonly onRefusal:
    | ((refusal: Refusal<Fields>, context: ExecutionContext) => void | PromiseLike<void>)
    | undefined;
  readonly late: (error: unknown, context: ExecutionContext) => void;
  readonly gateways: TenantGateways;
  readonly #gate: Gate<ExecutionContext> | undefined;

  constructor(all: TenancyModuleOptions) {
    const { pw, resolve, gateways: _, ...given } = all;
    const options = { routes: kindOf, ...given };
    this.host = pw;
    this.routes = options.routes;
    this.onRefusal = options.onRefusal;
    this.late = options.onLateError ?? warn;
    this.gateways = new TenantGateways(all);
    this.#gate =
      resolve === undefined ? undefined : gate(pw, { ...options, resolve }, ["onLateError"]);
  }

  /** Throws `PW_CONFIG` where there is nothing to find a request's tenant by. */
  get gate(): Gate<ExecutionContext> {
    if (this.#gate !== undefined) return this.#gate;
    throw new PartywallError(
      "PW_CONFIG",
      "A request came to a TenancyModule that has no resolve, so its tenant cannot be found. Give resolve; only messages of microservices go without.",
    );
  }

  onModuleDestroy(): void {
    this.scopes.close();
  }
}
