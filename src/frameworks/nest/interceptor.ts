import type { CallHandler, ExecutionContext, NestInterceptor } from "@nestjs/common";
import type { Observable } from "rxjs";
import { PartywallError } from "../../errors.js";
import { opened, throughGraphql, throughSocket } from "./event.js";
import { throughHttp } from "./http.js";
import { throughMessage } from "./message.js";
import type { Tenancy } from "./tenancy.js";

/** Runs each handler, and the pipes and interceptors before it, in the scope of its request, once all guards have passed. */
export class TenancyInterceptor implements NestInterceptor {
  readonly #tenancy: Tenancy;

  constructor(tenancy: Tenancy) {
    this.#tenancy = tenancy;
  }

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const tenancy = this.#tenancy;
    switch (context.getType<string>()) {
      case "http":
        return throughHttp(tenancy, context, next);
      case "graphql":
        return throughGraphql(tenancy, context, next);
      case "ws":
        return throughSocket(tenancy, context, next);
      case "rpc":
        return throughMessage(tenancy, context, next);
      default:
        return throughOther(tenancy, context, next);
    }
  }
}

// Of what Nest itself does not know, such as the commands of a bot.
async function throughOther(tenancy: Tenancy, context: ExecutionContext, next: CallHandler) {
  if ((await tenancy.routes(context)) === "central")
    return opened(tenancy, context, next, (inside) => tenancy.host.central(inside));
  throw new PartywallError(
    "PW_CONFIG",
    `TenancyModule knows no tenant in a context of the type "${context.getType<string>()}". Mark its handlers with @Central() and open the tenant in them with pw.run().`,
  );
}
