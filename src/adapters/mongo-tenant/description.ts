import type { MongooseModel } from "../mongoose/native.js";
import type { Settings } from "./options.js";

/** How a schema is multi-tenant: the static `mongoTenant` of its models. */
export interface TenantDescription {
  isEnabled(): boolean;
  getTenantIdKey(): string;
  getTenantIdType(): unknown;
  getTenantIdGetter(): string;
  getAccessorMethod(): string;
  isTenantIdRequired(): boolean;
  /** Whether another model keeps its tenant in the same field. */
  isCompatibleTo(other: unknown): boolean;
}

const settings = new WeakMap<object, Settings>();

/** The options of a model's schema; undefined where it has not the plugin, or not enabled. */
export function settingsOfModel(model: MongooseModel): Settings | undefined {
  const known = settings.get(Object(Reflect.get(model, "mongoTenant")) as object);
  return known?.enabled === true ? known : undefined;
}

export function describe(own: Settings): TenantDescription {
  const description = Object.freeze<TenantDescription>({
    isEnabled: () => own.enabled,
    getTenantIdKey: () => own.tenantIdKey,
    getTenantIdType: () => own.tenantIdType,
    getTenantIdGetter: () => own.tenantIdGetter,
    getAccessorMethod: () => own.accessorMethod,
    isTenantIdRequired: () => own.requireTenantId,
    isCompatibleTo(other) {
      const key: unknown = Reflect.get(Object(other) as object, "getTenantIdKey");
      return typeof key === "function" && Reflect.apply(key, other, []) === own.tenantIdKey;
    },
  });
  settings.set(description, own);
  return description;
}
