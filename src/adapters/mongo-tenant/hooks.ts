import type { Scope } from "../../scope/scope.js";
import { guardOfModel } from "../mongoose/guards.js";
import type { MongooseDocument } from "../mongoose/native.js";
import type { Settings } from "./options.js";
import { withoutTenant } from "./overwrite.js";
import type { NativeSchema } from "./schema.js";

interface Updating {
  readonly model: object;
  getUpdate(): unknown;
  setUpdate(update: unknown): unknown;
}

const UPDATES = [
  "findOneAndReplace",
  "findOneAndUpdate",
  "replaceOne",
  "updateMany",
  "updateOne",
] as const;

/**
 * Lets new documents have their tenant before they are validated, for a schema that requires it, and takes other tenants out
 * where that was asked for. The guard stamps what is sent; nothing here keeps tenants apart.
 */
export function fillInTenants(schema: NativeSchema, settings: Settings): void {
  const { tenantIdKey, overwriteTenantId } = settings;
  const fill = function (this: object) {
    const document = this as MongooseDocument & { readonly isNew: boolean };
    const guard = guardOfModel(document.constructor);
    if (guard?.scope() === undefined || document.$isSubdocument === true) return;
    const value = guard.tenantValue();
    const overwrites = overwriteTenantId && isTenants(document.constructor);
    if (overwrites || (document.isNew && (document.get(tenantIdKey) ?? undefined) === undefined))
      document.set(tenantIdKey, value, { strict: false });
  };
  schema.pre(["validate", "save"], { document: true, query: false }, fill);
  if (!overwriteTenantId) return;
  schema.pre(UPDATES, { document: false, query: true }, function (this: object) {
    const query = this as Updating;
    if (isTenants(query.model)) query.setUpdate(withoutTenant(query.getUpdate(), tenantIdKey));
  });
}

/** Whether a document has to have a tenant; in a database of its tenant's own it has none. */
export function requiresTenant(document: object): boolean {
  const guard = guardOfModel(document.constructor);
  const scope = guard?.scope() as Scope | undefined;
  return scope?.kind !== "tenant" || guard?.tenantValue() !== undefined;
}

/** Whether a model is bound to one tenant. */
const isTenants = (model: object): boolean => Reflect.get(model, "hasTenantContext") === true;
