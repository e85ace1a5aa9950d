/** The slice of AdonisJS' application that the provider uses. */
export interface AdonisApplication {
  getEnvironment(): string;
}

/** The part of a Partywall instance that the provider uses; what `createPartywall` returns fits. */
export interface ProviderHost {
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Options of {@link tenancyProvider}. */
export interface TenancyProviderOptions<Application> {
  /** Called when AdonisJS boots its providers; awaited. The place to put Lucid over the guard. */
  readonly boot?: (app: Application) => unknown;
}

/** A provider class of AdonisJS. */
export interface AdonisProvider<Application> {
  new (app: Application): {
    boot(): Promise<void>;
    start(): Promise<void>;
    shutdown(): Promise<void>;
  };
}

/**
 * Provider class of AdonisJS 7: lets the wall prove that it stands before the HTTP server listens, and closes the instance
 * when the application ends. Commands do not wait for the wall, since one of them may be what builds it.
 *
 * Export it as the default of a file below `providers`, and name that in `adonisrc.ts` after Lucid's own.
 *
 * @example
 * ```ts
 * import type { ApplicationService } from "@adonisjs/core/types";
 * import { Database } from "@adonisjs/lucid/database";
 * import { createPartywall } from "partywall";
 * import { guardLucid } from "partywall/adapters/lucid";
 * import { tenancyProvider } from "partywall/frameworks/adonis";
 * import { guardPg } from "partywall/guards/postgres";
 * import pg from "pg";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   postgres: guardPg(pg, { app: process.env["APP_URL"], system: process.env["SYSTEM_URL"] }),
 * });
 * export default tenancyProvider(pw, {
 *   boot: async (app: ApplicationService) =>
 *     guardLucid(pw.postgres, await app.container.make(Database), { connections: ["pg"] }),
 * });
 * ```
 */
export function tenancyProvider<Application extends AdonisApplication = AdonisApplication>(
  host: ProviderHost,
  options: TenancyProviderOptions<Application> = {},
): AdonisProvider<Application> {
  return class TenancyProvider {
    readonly #app: Application;

    constructor(app: Application) {
      this.#app = app;
    }

    async boot(): Promise<void> {
      await options.boot?.(this.#app);
    }

    async start(): Promise<void> {
      if (this.#app.getEnvironment() === "web") await host.ready();
    }

    async shutdown(): Promise<void> {
      await host.close();
    }
  };
}
