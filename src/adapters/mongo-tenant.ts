import { PartywallError } from "../errors.js";
import type { MongooseModel } from "./mongoose/native.js";
import { describe } from "./mongo-tenant/description.js";
import { fillInTenants, requiresTenant } from "./mongo-tenant/hooks.js";
import { settingsOf, type MongoTenantOptions } from "./mongo-tenant/options.js";
import type { NativeSchema, TenantSchema } from "./mongo-tenant/schema.js";
import { tenantIdOf } from "./mongo-tenant/tenant-id.js";
import { guardOver, tenantModelsOf } from "./mongo-tenant/tenant-models.js";
import { leadUniqueIndexes } from "./mongo-tenant/unique-indexes.js";

export type { TenantDescription } from "./mongo-tenant/description.js";
export type { BoundDocument, BoundModel, TenantIdLike, TenantModel } from "./mongo-tenant/model.js";
export type { MongoTenantOptions } from "./mongo-tenant/options.js";
export type { TenantSchema } from "./mongo-tenant/schema.js";

/**
 * A Mongoose plugin with the API of `mongo-tenant`, over `guardMongoose()`: `Model.byTenant(id)` is a model whose operations,
 * and those of its documents, run in that tenant's scope, which is looked up in the registry each time. `Model.allTenants()` is
 * one whose operations run in system scopes only. Unique indexes begin with the tenant. Throws `PW_CONFIG` for options that
 * cannot be meant, and when a model is made that is not over a guard or keeps its tenant in another field than the guard.
 *
 * @example
 * ```ts
 * import mongoose from "mongoose";
 * import { createPartywall } from "partywall";
 * import mongoTenant, { type TenantModel } from "partywall/adapters/mongo-tenant";
 * import { guardMongoose } from "partywall/adapters/mongoose";
 * import { guardMongo } from "partywall/guards/mongodb";
 *
 * const pw = createPartywall({
 *   secret: process.env["PARTYWALL_SECRET"],
 *   mongodb: guardMongo(mongoose.mongo, { app: process.env["MONGODB_URL"] }),
 * });
 * await guardMongoose(pw.mongodb, mongoose);
 *
 * interface Book { title: string }
 * type Books = TenantModel<mongoose.Model<Book>>;
 * const schema = new mongoose.Schema<Book, Books>({ title: { type: String, unique: true } });
 * schema.plugin(mongoTenant);
 * const Book = mongoose.model<Book, Books>("Book", schema);
 *
 * await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
 * await Book.byTenant("acme").create({ title: "Walls" });
 * ```
 */
function mongoTenant(schema: TenantSchema, options?: MongoTenantOptions): void {
  const settings = settingsOf(options);
  const native = schema as NativeSchema;
  const { enabled, tenantIdKey, accessorMethod } = settings;
  native.statics["mongoTenant"] = describe(settings);
  native.statics[accessorMethod] = function byTenant(this: MongooseModel, tenantId: unknown) {
    if (!enabled) return this;
    return tenantModelsOf(this).byTenant(tenantIdOf(tenantId, accessorMethod), tenantId).of(this);
  };
  // An application's own method of that name stays.
  native.statics["allTenants"] ??= function allTenants(this: MongooseModel) {
    return enabled ? tenantModelsOf(this).all().of(this) : this;
  };
  if (!enabled) return;
  const { tenantIdType: type, requireTenantId } = settings;
  const required = function (this: object) {
    return requireTenantId && requiresTenant(this);
  };
  schema.add({ [tenantIdKey]: { type, index: true, required } });
  leadUniqueIndexes(native, tenantIdKey);
  fillInTenants(native, settings);
  native.on("init", (model) => {
    assertSameField(guardOver(model as MongooseModel).tenantField, tenantIdKey);
    leadUniqueIndexes(native, tenantIdKey);
  });
}

// The last is what require() gives.
export { mongoTenant as default, mongoTenant as "module.exports" };

function assertSameField(guards: string, key: string): void {
  if (guards === key) return;
  throw new PartywallError(
    "PW_CONFIG",
    `The plugin mongoTenant has the tenantIdKey ${JSON.stringify(key)}, and the guard the tenantField ${JSON.stringify(guards)}. Give both the same: guardMongo(driver, { tenantField: ${JSON.stringify(key)} }).`,
  );
}
