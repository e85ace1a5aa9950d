import { Reflector } from "@nestjs/core";
import type { ApplicationConfig, ModulesContainer } from "@nestjs/core";
import { PartywallError } from "../../errors.js";
import type { TenantGateways } from "./gateways.js";

/** Where Nest keeps that a class is a gateway. */
const GATEWAY = "websockets:is_gateway";

const reflector = new Reflector();

/** Throws `PW_CONFIG` where gateways are served that are not behind the boundary. To be called once they are. */
export function assertServed(
  gateways: TenantGateways,
  config: ApplicationConfig,
  modules: ModulesContainer,
): void {
  // Nest's own types leave out that there is none where nothing is served.
  const adapter = config.getIoAdapter() as object | null;
  if (adapter === null || gateways.areServedBy(adapter)) return;
  for (const { providers } of modules.values())
    for (const { metatype, isNotMetatype } of providers.values())
      if (!isNotMetatype && typeof metatype === "function" && reflector.get(GATEWAY, metatype))
        throw unconfined(metatype.name);
}

/** The refusal of a gateway that could send to whomever it likes. */
export function unconfined(gateway = "A gateway"): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `${gateway} is served outside the tenant boundary: its rooms and broadcasts would reach every tenant. Call app.useWebSocketAdapter(tenantAdapter(app, new IoAdapter(app))).`,
  );
}
