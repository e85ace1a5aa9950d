import type { ExecutionContext, InjectionToken, ModuleMetadata } from "@nestjs/common";
import type { Scope } from "../../scope/scope.js";
import type { TenancyHost, TenancyOptions } from "../options.js";

/** The part of a Partywall instance that NestJS needs; what `createPartywall` returns fits. */
export interface NestTenancyHost<
  Fields = Readonly<Record<string, unknown>>,
> extends TenancyHost<Fields> {
  scope(): Scope | undefined;
  resume<T>(
    snapshot: string,
    fn: () => T,
    options: { readonly audience: string },
  ): Promise<Awaited<T>>;
}

/** Options of `TenancyModule`. Hooks are given Nest's `ExecutionContext`. */
export interface TenancyModuleOptions<
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
> extends Omit<TenancyOptions<ExecutionContext, Principal, Fields>, "resolve"> {
  readonly pw: NestTenancyHost<Fields>;
  /** As with every framework; may be missing where nothing but messages of microservices is served. */
  readonly resolve?: TenancyOptions<ExecutionContext, Principal, Fields>["resolve"];
  /** Told of an error raised when nobody could be answered any more; default `process.emitWarning`. */
  readonly onLateError?: (error: unknown, context: ExecutionContext) => void;
}

/** Options of `TenancyModule.forRootAsync`. */
export interface TenancyModuleAsyncOptions<
  Principal = unknown,
  Fields = Readonly<Record<string, unknown>>,
> {
  readonly imports?: NonNullable<ModuleMetadata["imports"]>;
  /** What `useFactory` is given, in order. */
  readonly inject?: readonly InjectionToken[];
  readonly useFactory: (
    ...args: never[]
  ) =>
    | TenancyModuleOptions<Principal, Fields>
    | PromiseLike<TenancyModuleOptions<Principal, Fields>>;
}
