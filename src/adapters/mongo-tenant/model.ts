import type { TenantDescription } from "./description.js";

/**
 * What the documents of a bound model have besides, with the names that the options give unless told otherwise.
 *
 * @example
 * ```ts
 * import type { BoundDocument } from "partywall/adapters/mongo-tenant";
 *
 * export const ownerOf = (document: BoundDocument) => document.getTenantId();
 * ```
 */
export interface BoundDocument {
  /** Whether the document is one tenant's. */
  readonly hasTenantContext: boolean;
  /** The tenant, as it was given to `byTenant()`. */
  getTenantId(): unknown;
}

/**
 * A model that is bound to a tenant, as `byTenant()` gives it: the model, and `hasTenantContext` and `getTenantId()` besides.
 *
 * @example
 * ```ts
 * import type mongoose from "mongoose";
 * import type { BoundModel } from "partywall/adapters/mongo-tenant";
 *
 * export const count = (books: BoundModel<mongoose.Model<{ title: string }>>) => books.countDocuments();
 * ```
 */
export type BoundModel<Model> = Model & BoundDocument;

/**
 * A model whose schema has the plugin.
 *
 * @example
 * ```ts
 * import mongoose from "mongoose";
 * import mongoTenant, { type TenantModel } from "partywall/adapters/mongo-tenant";
 *
 * interface Book { title: string }
 * type Books = TenantModel<mongoose.Model<Book>>;
 * const schema = new mongoose.Schema<Book, Books>({ title: String });
 * schema.plugin(mongoTenant);
 * export const Book = mongoose.model<Book, Books>("Book", schema);
 * ```
 */
export type TenantModel<Model> = Model & {
  /** True of a bound model; undefined otherwise. */
  readonly hasTenantContext?: boolean;
  /** How the schema is multi-tenant. */
  readonly mongoTenant: TenantDescription;
  /**
   * The model, bound to a tenant by its id. Its operations reject as `pw.run()` does where there is no such tenant or it may
   * not be entered. Throws `PW_SCOPE_SWITCH` in another tenant's scope, `PW_TENANT_INVALID` for what is no id.
   */
  byTenant(tenantId: TenantIdLike): BoundModel<TenantModel<Model>>;
  /** The model over every tenant's documents. Its operations reject unless they are awaited in a system scope. */
  allTenants(): TenantModel<Model>;
};

/** What names a tenant: the text that is its id in the registry, or a number or an `ObjectId` whose text that is. */
export type TenantIdLike = string | number | bigint | { toHexString(): string };
