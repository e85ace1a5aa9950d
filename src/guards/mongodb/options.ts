import type { Tenant } from "../../scope/tenant.js";
import type { MongoBootAudit } from "./audit/boot-audit.js";
import type { MongoDriverParts } from "./driver.js";

/** One server, or replica set, on which tenants may be placed. */
export interface MongoServer {
  /**
   * Connection string of the application's login, with the name of the database. May be missing while a build imports the
   * module; the first use then throws.
   */
  readonly app: string | undefined;
  /** Connection string of the system login, for `pw.system()`. */
  readonly system?: string | undefined;
}

/** Options of {@link guardMongo}. */
export interface GuardMongoOptions extends MongoServer {
  /** Further servers on which tenants are placed, by the name that placements use; `default` is the one above. */
  readonly servers?: Readonly<Record<string, MongoServer>>;
  /** The field that every document of a tenant's collection carries; default `"tenantId"`. */
  readonly tenantField?: string;
  /** A tenant's value of that field; default its id, as text. */
  readonly tenantValue?: (tenant: Tenant) => unknown;
  /** Collections that are no tenant's: readable in every scope, written in system scopes only. Default none. */
  readonly shared?: readonly string[];
  /**
   * Views that may be read outside system scopes, by name: those whose pipelines join no documents of several tenants. The
   * tenant is matched on what they give. Default none: in a database that tenants share, views are refused.
   */
  readonly views?: readonly string[];
  /** Databases, beside the one that `app` names, whose collections tenants share by row. Default none: others are refused. */
  readonly databases?: readonly string[];
  /** Options of every `MongoClient` that the guard makes, as the driver takes them. */
  readonly clientOptions?: Readonly<Record<string, unknown>>;
  /** How long expelling a tenant waits for what it still runs before ending it; default 10,000 ms. */
  readonly expelGraceMs?: number;
  /**
   * Lets `pw.ready()` audit the servers too and refuse what is found: `"refuse"` for what is `high` or worse. Default not at
   * all.
   */
  readonly audit?: "refuse" | MongoBootAudit;
  /** Parts of the driver, where the guard cannot find them by itself. */
  readonly internals?: MongoDriverParts;
}
