export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "./options.js";
export type { Eviction } from "./live/options.js";
export type { Problem } from "./problem.js";
export { tenantClient } from "./nest/client.js";
export type { MessageClient, SnapshotHost, TenantClient } from "./nest/client.js";
export {
  Central,
  CurrentPrincipal,
  CurrentTenant,
  InjectPartywall,
  PARTYWALL,
  TenantRoute,
  Universal,
} from "./nest/decorators.js";
export { tenantAdapter, TenantGateways } from "./nest/gateways.js";
export type { GatewayAdapter, GatewayApplication } from "./nest/gateways.js";
export { TenancyGuard } from "./nest/guard.js";
export { TenancyModule } from "./nest/module.js";
export type {
  GatewayOptions,
  GatewayRequest,
  NestTenancyHost,
  TenancyModuleAsyncOptions,
  TenancyModuleOptions,
} from "./nest/options.js";
export { TenantRefusedException } from "./nest/refused.js";
