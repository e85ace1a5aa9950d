import type { AdoptOptions, TableChoice, TableKind } from "../adopt/options.js";
import type { MongoAuditOptions } from "../guards/mongodb/index.js";
import type { SealForm, WallRollout } from "../guards/postgres/index.js";

/** The logins of the application, by role name. */
export interface ConfigRoles {
  /** The application's login. */
  readonly app: string;
  /** The login of `pw.system()`. */
  readonly system: string;
  /** The login that owns the tables. */
  readonly migrator?: string;
  /** The login of `postgresStore`. */
  readonly registry?: string;
  /** The role, without login, that owns the wall's functions; `"partywall_owner"` unless told. */
  readonly owner?: string;
}

/** What `partywall.config.ts` says. Plain data: reading it opens nothing and runs nothing of the application. */
export interface PartywallConfig {
  /** The module that exports the application's instance as `pw` or as its default, relative to this file. */
  readonly entry: string;
  /** The folder that migrations are written to, relative to this file. */
  readonly migrations?: string;
  /** What each table holds, `orders` or `sales.orders`: every tenant's own rows, everybody's, or none of the wall's business. */
  readonly tables?: Readonly<Record<string, TableKind | TableChoice>>;
  /** Name of the tenant column; `"tenant_id"` unless told. */
  readonly tenantColumn?: string;
  readonly postgres?: {
    readonly roles?: ConfigRoles;
    /**
     * Where the database is, with the login of whoever builds and audits the wall; `--url` and the environment variable
     * `PARTYWALL_DATABASE_URL` come before it. Take it from the environment rather than writing it here.
     */
    readonly url?: string | undefined;
    /**
     * The same for further servers, by the names that placements use: what reaches the tenants that live there. The
     * default server is `url`.
     */
    readonly servers?: Readonly<Record<string, { readonly url?: string | undefined }>>;
    /** Form of the seal; what the login that builds the wall allows, unless told. */
    readonly seal?: SealForm;
    /** Tables that are only observed or stamped yet, and until when; left out, `policies` enforces every table. */
    readonly rollout?: WallRollout;
  };
  /** What the audit looks at in MongoDB beyond what it knows by itself. */
  readonly mongodb?: Pick<MongoAuditOptions, "references" | "documents" | "sample" | "maxTimeMs">;
  /** How an existing schema is adopted, where it is not as `partywall adopt` does by itself. */
  readonly adopt?: Partial<
    Pick<AdoptOptions, "tenant" | "tenantType" | "schemas" | "otherwise" | "keys" | "acknowledge">
  >;
}

/**
 * Types what `partywall.config.ts` exports, and gives it back unchanged.
 *
 * @example
 * ```ts
 * import { definePartywallConfig } from "partywall/cli";
 *
 * export default definePartywallConfig({
 *   entry: "./src/tenancy.ts",
 *   tables: { orders: "tenant", customers: "tenant", countries: "shared" },
 *   postgres: { roles: { app: "shop_app", system: "shop_system" } },
 * });
 * ```
 */
export function definePartywallConfig<const Config extends PartywallConfig>(
  config: Config,
): Config {
  return config;
}
