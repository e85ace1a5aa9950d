import type { ExecutionContext, InjectionToken, ModuleMetadata } from "@nestjs/common";
import type { LiveHost, LiveOptions } from "../live/options.js";
import type { NodeRequest } from "../node-request.js";
import type { TenancyOptions } from "../options.js";

/** The part of a Partywall instance that NestJS needs; what `createPartywall` returns fits. */
export interface NestTenancyHost<
  Fields = Readonly<Record<string, unknown>>,
> extends LiveHost<Fields> {
  resume<T>(
    snapshot: string,
    fn: () => T,
    options: { readonly audience: string },
  ): Promise<Awaited<T>>;
}

/** What a connection to a gateway is decided upon by: the request of its handshake. */
export interface GatewayRequest extends NodeRequest {
  /** Socket.IO: what the client gave as `auth`, whatever it liked. */
  readonly auth?: Readonly<Record<string, unknown>>;
  /** Socket.IO: the namespace. */
  readonly namespace?: string;
}

/** What is asked of a connection to a gateway, once it is opened and again for each event. */
export interface GatewayOptions<
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
> extends Omit<LiveOptions<GatewayRequest, Principal, Fields>, "resolve"> {
  /** Default: that of the module. */
  readonly resolve?: LiveOptions<GatewayRequest, Principal, Fields>["resolve"];
}

/** Options of `TenancyModule`. Hooks are given Nest's `ExecutionContext`. */
export interface TenancyModuleOptions<
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
  GatewayPrincipal = unknown,
> extends Omit<TenancyOptions<ExecutionContext, Principal, Fields>, "resolve"> {
  readonly pw: NestTenancyHost<Fields>;
  /** As with every framework; may be missing where nothing but messages of microservices is served. */
  readonly resolve?: TenancyOptions<ExecutionContext, Principal, Fields>["resolve"];
  /** Who may connect to gateways; needed where `tenantAdapter` is used. */
  readonly gateways?: GatewayOptions<GatewayPrincipal, Fields>;
  /** Told of an error raised when nobody could be answered any more; default `process.emitWarning`. */
  readonly onLateError?: (error: unknown, context: ExecutionContext) => void;
}

/** Options of `TenancyModule.forRootAsync`. */
export interface TenancyModuleAsyncOptions<
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
  GatewayPrincipal = unknown,
> {
  readonly imports?: NonNullable<ModuleMetadata["imports"]>;
  /** What `useFactory` is given, in order. */
  readonly inject?: readonly InjectionToken[];
  readonly useFactory: (
    ...args: never[]
  ) =>
    | TenancyModuleOptions<Principal, Fields, GatewayPrincipal>
    | PromiseLike<TenancyModuleOptions<Principal, Fields, GatewayPrincipal>>;
}
