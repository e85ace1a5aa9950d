import { PartywallError } from "../../errors.js";

/**
 * Options of {@link mongoTenant}: those of `mongo-tenant`, and one of its own.
 *
 * @example
 * ```ts
 * import mongoose from "mongoose";
 * import mongoTenant, { type MongoTenantOptions } from "partywall/adapters/mongo-tenant";
 *
 * const options: MongoTenantOptions = { tenantIdKey: "customerId", accessorMethod: "byCustomer" };
 * new mongoose.Schema({ title: String }).plugin(mongoTenant, options);
 * ```
 */
export interface MongoTenantOptions {
  /** Whether the schema is multi-tenant at all. Where false it is left as it is and the accessor gives the model itself; default true. */
  readonly enabled?: boolean | undefined;
  /** The field that holds the tenant, which has to be the guard's `tenantField`; default `"tenantId"`. */
  readonly tenantIdKey?: string | undefined;
  /** The type of that field in the schema, which has to take the guard's `tenantValue`; default `String`. */
  readonly tenantIdType?: unknown;
  /** The name of the method that gives the tenant a model or document is bound to; default `"getTenantId"`. */
  readonly tenantIdGetter?: string | undefined;
  /** The name of the static method that binds a model; default `"byTenant"`. */
  readonly accessorMethod?: string | undefined;
  /** Whether the field is required in the schema. It is filled in before a document is validated; default false. */
  readonly requireTenantId?: boolean | undefined;
  /**
   * Whether another tenant's value in what a bound model writes is replaced silently, as `mongo-tenant` does, where it would be
   * refused with `PW_WRITE_MISMATCH`; default false.
   */
  readonly overwriteTenantId?: boolean | undefined;
}

/** The options with their defaults. */
export interface Settings {
  readonly enabled: boolean;
  readonly tenantIdKey: string;
  readonly tenantIdType: unknown;
  readonly tenantIdGetter: string;
  readonly accessorMethod: string;
  readonly requireTenantId: boolean;
  readonly overwriteTenantId: boolean;
}

const FLAGS = ["enabled", "requireTenantId", "overwriteTenantId"] as const;
const NAMES = ["tenantIdKey", "tenantIdGetter", "accessorMethod"] as const;
const KNOWN: readonly string[] = [...FLAGS, ...NAMES, "tenantIdType"];

/** Throws `PW_CONFIG` for options that cannot be meant. */
export function settingsOf(options: MongoTenantOptions = {}): Settings {
  const unknown = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) throw wrong(`does not know the option ${JSON.stringify(unknown)}`);
  for (const name of FLAGS)
    if (!["boolean", "undefined"].includes(typeof options[name]))
      throw wrong(`needs true or false as ${name}`);
  for (const name of NAMES)
    if (options[name] !== undefined && (typeof options[name] !== "string" || options[name] === ""))
      throw wrong(`needs a name as ${name}`);
  return {
    enabled: options.enabled ?? true,
    tenantIdKey: options.tenantIdKey ?? "tenantId",
    tenantIdType: options.tenantIdType ?? String,
    tenantIdGetter: options.tenantIdGetter ?? "getTenantId",
    accessorMethod: options.accessorMethod ?? "byTenant",
    requireTenantId: options.requireTenantId ?? false,
    overwriteTenantId: options.overwriteTenantId ?? false,
  };
}

function wrong(what: string): PartywallError {
  return new PartywallError("PW_CONFIG", `schema.plugin(mongoTenant, options) ${what}.`);
}
