import { PartywallError } from "../../errors.js";
import type { Eviction } from "../live/options.js";
import { tenancy as socketIo } from "../socket-io.js";
import type { SocketIoServer } from "../socket-io.js";
import type { WsServer } from "../ws.js";
import type { TenancyModuleOptions } from "./options.js";
import { upgradesOf } from "./upgrades.js";

/** What one server of an application's gateways is evicted from by. */
interface LiveServer {
  evict(whose: Eviction): unknown;
}

/** The slice of Nest's `WebSocketAdapter` that is used. */
export interface GatewayAdapter {
  create(port: number, options?: never): unknown;
}

/** The slice of Nest's application that {@link tenantAdapter} uses. */
export interface GatewayApplication {
  get<T>(token: new (...args: never[]) => T): T;
}

/**
 * The servers of the application's gateways that {@link tenantAdapter} has put behind the tenant boundary. Nest injects it.
 *
 * @example
 * ```ts
 * import { Inject, Injectable } from "@nestjs/common";
 * import { TenantGateways } from "partywall/frameworks/nest";
 *
 * @Injectable()
 * export class Memberships {
 *   constructor(@Inject(TenantGateways) private readonly gateways: TenantGateways) {}
 *
 *   async end(tenant: string, user: string) {
 *     await this.gateways.evict({ tenant, principal: user });
 *   }
 * }
 * ```
 */
export class TenantGateways {
  readonly #module: TenancyModuleOptions;
  readonly #servers: LiveServer[] = [];
  readonly #confined = new WeakSet<object>();
  readonly #adapters = new WeakSet<object>();

  /** @internal Made by `TenancyModule`. */
  constructor(module: TenancyModuleOptions) {
    this.#module = module;
  }

  /**
   * Closes the connections of a tenant (its id), a principal, or a principal in a tenant: with Socket.IO on every server of
   * the cluster, with ws in this process. In a tenant's scope only its own, or `PW_SCOPE_SWITCH`.
   */
  async evict(whose: Eviction): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.evict(whose)));
  }

  /** @internal Whether this is what serves gateways, and behind the boundary. */
  areServedBy(adapter: object): boolean {
    return this.#adapters.has(adapter) && this.#servers.length > 0;
  }

  /** @internal Puts every server that an adapter makes behind the boundary. */
  confine(adapter: GatewayAdapter): void {
    const making = adapter as { create: (port: number, options?: object) => object };
    const create = making.create.bind(adapter);
    making.create = (port, options) => {
      const made = create(port, options);
      // A namespace of Socket.IO is a part of its server, which other gateways may have too.
      const server = (made as { readonly server?: object }).server ?? made;
      if (!this.#confined.has(server)) this.#servers.push(this.#live(server));
      this.#confined.add(server);
      return made;
    };
    this.#adapters.add(adapter);
  }

  #live(server: object): LiveServer {
    const { pw } = this.#module;
    return "of" in server
      ? socketIo(pw, server as SocketIoServer, this.#given())
      : upgradesOf(pw, server as WsServer, this.#given());
  }

  // What is asked of requests is not asked here, so saying nothing must not let everybody in.
  #given() {
    const { gateways, resolve = gateways?.resolve, authorize } = this.#module;
    if (gateways === undefined || resolve === undefined || (authorize && !gateways.authorize))
      throw new PartywallError(
        "PW_CONFIG",
        "TenancyModule was not told who may connect to a gateway. Give it gateways: { principal, authorize }, which are given the request of the handshake, and resolve.",
      );
    return { resolve, ...gateways };
  }
}

/**
 * Puts the gateways of an application behind the tenant boundary, whether Socket.IO (`IoAdapter` and what extends it) or ws
 * (`WsAdapter`) serves them: changes the adapter and gives it back. What is asked of a connection is the option `gateways` of
 * `TenancyModule`. Gateways without it do not start: `PW_CONFIG`.
 *
 * @example
 * ```ts
 * import { NestFactory } from "@nestjs/core";
 * import { IoAdapter } from "@nestjs/platform-socket.io";
 * import { tenantAdapter } from "partywall/frameworks/nest";
 *
 * export async function start(AppModule: object) {
 *   const app = await NestFactory.create(AppModule);
 *   app.useWebSocketAdapter(tenantAdapter(app, new IoAdapter(app)));
 *   await app.listen(3000);
 * }
 * ```
 */
export function tenantAdapter<Adapter extends GatewayAdapter>(
  app: GatewayApplication,
  adapter: Adapter,
): Adapter {
  app.get(TenantGateways).confine(adapter);
  return adapter;
}
