export type { Authorization, Refusal, RouteKind, TenancyHost, TenancyOptions } from "../options.js";
export type { Problem } from "../problem.js";
export { tenantCommand } from "./command.js";
export type { AceCommand, AceCommandClass, CommandHost, TenantCommandOptions } from "./command.js";
export { tenancy } from "./middleware.js";
export type {
  AdonisContext,
  AdonisMiddleware,
  AdonisResponse,
  AdonisTenancyOptions,
} from "./middleware.js";
export { tenancyProvider } from "./provider.js";
export type {
  AdonisApplication,
  AdonisProvider,
  ProviderHost,
  TenancyProviderOptions,
} from "./provider.js";
