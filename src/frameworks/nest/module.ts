import { Inject, Module } from "@nestjs/common";
import type { DynamicModule, NestModule, OnModuleInit, Provider } from "@nestjs/common";
import {
  APP_FILTER,
  APP_INTERCEPTOR,
  ApplicationConfig,
  HttpAdapterHost,
  ModulesContainer,
} from "@nestjs/core";
import { PARTYWALL } from "./decorators.js";
import { assertServed } from "./served.js";
import { TenantGateways } from "./gateways.js";
import { TenancyInterceptor } from "./interceptor.js";
import type { TenancyModuleAsyncOptions, TenancyModuleOptions } from "./options.js";
import { RefusalFilter } from "./refused.js";
import { TENANCY, Tenancy } from "./tenancy.js";

const OPTIONS = Symbol("partywall options");

/**
 * NestJS module: finds the tenant of each request, event and message, asks `authorize` once all guards have passed, and runs
 * pipes, interceptors, the handler and exception filters in the tenant's scope. Handlers without a decorator need a tenant.
 *
 * A refused HTTP request is answered in the same way as with every other framework. Throws `PW_CONFIG` at construction when a
 * spoofable resolver has neither `authorize` nor `trust`.
 *
 * Source: NestJS, Request lifecycle, https://docs.nestjs.com/faq/request-lifecycle.
 *
 * @example
 * ```ts
 * import { Controller, Get, Module } from "@nestjs/common";
 * import { createPartywall } from "partywall";
 * import { TenancyModule } from "partywall/frameworks/nest";
 * import { subdomain } from "partywall/resolvers";
 *
 * const pw = createPartywall({ secret: "at least thirty-two characters long" });
 *
 * @Controller("me")
 * class MeController {
 *   @Get()
 *   show() {
 *     return { tenant: pw.current().name };
 *   }
 * }
 *
 * @Module({
 *   imports: [TenancyModule.forRoot({ pw, resolve: subdomain("example.com") })],
 *   controllers: [MeController],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class TenancyModule implements NestModule, OnModuleInit {
  readonly #tenancy: Tenancy;
  readonly #adapter: HttpAdapterHost;
  readonly #config: ApplicationConfig;
  readonly #modules: ModulesContainer;

  /** @internal Made by Nest. */
  constructor(
    @Inject(TENANCY) tenancy: Tenancy,
    @Inject(HttpAdapterHost) adapter: HttpAdapterHost,
    @Inject(ApplicationConfig) config: ApplicationConfig,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    this.#tenancy = tenancy;
    this.#adapter = adapter;
    this.#config = config;
    this.#modules = modules;
  }

  /** Wires the module, for the whole application. */
  static forRoot<
    Principal = unknown,
    Fields = Readonly<Record<string, unknown>>,
    GatewayPrincipal = unknown,
  >(options: TenancyModuleOptions<Principal, Fields, GatewayPrincipal>): DynamicModule {
    return wired([{ provide: OPTIONS, useValue: options }]);
  }

  /** As {@link TenancyModule.forRoot}, with options that are made of what Nest provides. */
  static forRootAsync<
    Principal = unknown,
    Fields = Readonly<Record<string, unknown>>,
    GatewayPrincipal = unknown,
  >({
    imports = [],
    inject = [],
    useFactory,
  }: TenancyModuleAsyncOptions<Principal, Fields, GatewayPrincipal>): DynamicModule {
    return { ...wired([{ provide: OPTIONS, inject: [...inject], useFactory }]), imports };
  }

  /** Called by Nest when it begins with an application's middleware. */
  configure(): void {
    this.#adapter.httpAdapter?.use(this.#tenancy.scopes.open);
  }

  /** Called by Nest when gateways are served, and nobody is let in yet. */
  onModuleInit(): void {
    assertServed(this.#tenancy.gateways, this.#config, this.#modules);
  }
}

function wired(options: readonly Provider[]): DynamicModule {
  return {
    module: TenancyModule,
    global: true,
    providers: [
      ...options,
      {
        provide: TENANCY,
        inject: [OPTIONS],
        useFactory: (given: TenancyModuleOptions) => new Tenancy(given),
      },
      { provide: PARTYWALL, inject: [TENANCY], useFactory: ({ host }: Tenancy) => host },
      {
        provide: TenantGateways,
        inject: [TENANCY],
        useFactory: ({ gateways }: Tenancy) => gateways,
      },
      {
        provide: APP_INTERCEPTOR,
        inject: [TENANCY],
        useFactory: (tenancy: Tenancy) => new TenancyInterceptor(tenancy),
      },
      { provide: APP_FILTER, useFactory: () => new RefusalFilter() },
    ],
    exports: [TENANCY, PARTYWALL, TenantGateways],
  };
}
