import type { AdoptOptions, TableChoice, TableKind } from "../adopt/options.js";
import type { AdoptionPlan } from "../adopt/plan.js";
import type { SqlClient } from "../guards/postgres/ddl/catalog.js";
import { findApplication, type Application } from "./application.js";
import { connect, requiredUrl, URL_FLAG } from "./connection.js";
import type { Context } from "./context.js";
import type { Flags, FlagValues } from "./flags.js";
import { UsageError } from "./usage-error.js";

/** The flags that say what is adopted and how; what is not given comes from the configuration. */
export const ADOPT_FLAGS = {
  url: URL_FLAG,
  tenant: {
    type: "string",
    value: "id",
    summary: "Id of the tenant that the present rows become the property of.",
  },
  "tenant-type": {
    type: "string",
    value: "type",
    summary: "Type of the tenant columns; otherwise what --tenant looks like.",
    choices: ["uuid", "bigint", "text"],
  },
  column: { type: "string", value: "name", summary: "Name of the tenant column (tenant_id)." },
  keys: {
    type: "string",
    value: "keys",
    summary:
      "Primary keys: auto keeps those that are unique in the whole world, id keeps all, composite puts the tenant into all.",
    choices: ["auto", "id", "composite"],
  },
  schema: {
    type: "string",
    value: "name",
    multiple: true,
    summary: "A schema whose tables are adopted (public).",
  },
  shared: {
    type: "string",
    value: "table",
    multiple: true,
    summary: "A table whose rows are everybody's.",
  },
  unmanaged: {
    type: "string",
    value: "table",
    multiple: true,
    summary: "A table that is none of the wall's business.",
  },
  app: { type: "string", value: "role", summary: "The application's login." },
  system: { type: "string", value: "role", summary: "The login of pw.system()." },
  migrator: { type: "string", value: "role", summary: "The login that owns the tables." },
  registry: {
    type: "string",
    value: "role",
    summary: "The login of postgresStore, whose table is created.",
  },
  acknowledge: {
    type: "string",
    value: "object",
    multiple: true,
    summary: "An object whose obstacle has been looked at and may stay.",
  },
} as const satisfies Flags;

type AdoptFlags = FlagValues<typeof ADOPT_FLAGS>;

/** The database a command of `adopt` works on. */
export interface AdoptionSite {
  readonly application: Application | undefined;
  readonly client: SqlClient;
}

/** Connects to the database that the flags or the configuration name. */
export async function openSite(context: Context, url: string | undefined): Promise<AdoptionSite> {
  const application = await findApplication(context);
  const client = await connect(context, application, requiredUrl(context, url, application));
  return { application, client };
}

/** What the flags and the configuration come to. Throws {@link UsageError} for what neither says. */
export function adoptOptions(
  flags: AdoptFlags,
  application: Application | undefined,
): AdoptOptions {
  const config = application?.config;
  const roles = config?.postgres?.roles;
  const app = flags.app ?? roles?.app;
  const system = flags.system ?? roles?.system;
  const migrator = flags.migrator ?? roles?.migrator;
  const registry = flags.registry ?? roles?.registry;
  const tenant = flags.tenant ?? config?.adopt?.tenant;
  const need = (value: string | undefined, flag: string, path: string): string => {
    if (value !== undefined && value !== "") return value;
    throw new UsageError(`Nothing says ${path}. Add ${flag}, or ${path} to the configuration.`);
  };
  const tables: Record<string, TableKind | TableChoice> = { ...config?.tables };
  for (const table of flags.shared) tables[table] = "shared";
  for (const table of flags.unmanaged) tables[table] = "unmanaged";
  const schemas = flags.schema.length > 0 ? flags.schema : config?.adopt?.schemas;
  const tenantType = flags["tenant-type"] ?? config?.adopt?.tenantType;
  const column = flags.column ?? config?.tenantColumn;
  const keys = flags.keys ?? config?.adopt?.keys;
  const seal = config?.postgres?.seal;
  return {
    roles: {
      app: need(app, "--app <role>", "postgres.roles.app"),
      system: need(system, "--system <role>", "postgres.roles.system"),
      ...(migrator !== undefined && { migrator }),
      ...(roles?.owner !== undefined && { owner: roles.owner }),
    },
    tenant: need(tenant, "--tenant <id>", "adopt.tenant"),
    tables,
    acknowledge: [...(config?.adopt?.acknowledge ?? []), ...flags.acknowledge],
    ...(schemas !== undefined && { schemas }),
    ...(tenantType !== undefined && { tenantType }),
    ...(column !== undefined && { column }),
    ...(keys !== undefined && { keys }),
    ...(seal !== undefined && { seal }),
    ...(registry !== undefined && { registry }),
    ...(config?.postgres?.rollout !== undefined && { rollout: config.postgres.rollout }),
    ...(config?.adopt?.otherwise !== undefined && { otherwise: config.adopt.otherwise }),
  };
}

/** The lines that tell of what stops a plan. */
export function obstacleLines({ obstacles }: AdoptionPlan, context: Context): string[] {
  return obstacles.flatMap(({ code, object, why, remedy, acknowledgeable }) => [
    `${context.paint("red", code)} ${context.paint("bold", object)}`,
    `  ${why}`,
    `  ${remedy}${acknowledgeable ? ` (--acknowledge ${JSON.stringify(object)})` : ""}`,
  ]);
}
