/** An index of a schema: its key, and its options. */
export type SchemaIndex = [key: Record<string, unknown>, options: Record<string, unknown>];

/** A field of a schema. */
export interface SchemaPath {
  readonly options: Record<string, unknown>;
  readonly _index?: unknown;
  index(options: unknown): unknown;
}

/**
 * A schema of Mongoose's, by what {@link mongoTenant} calls. What `new mongoose.Schema()` gives fits.
 *
 * @example
 * ```ts
 * import mongoose from "mongoose";
 * import type { TenantSchema } from "partywall/adapters/mongo-tenant";
 *
 * const schema: TenantSchema = new mongoose.Schema({ title: String });
 * console.log(typeof schema.statics);
 * ```
 */
export interface TenantSchema {
  readonly statics: object;
  // oxlint-disable-next-line typescript/no-explicit-any -- Mongoose types it by the schema's documents
  add(fields: any): unknown;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  index(key: any, options?: any): unknown;
}

/** What is called of it besides, whose types differ between the majors. */
export interface NativeSchema extends TenantSchema {
  readonly statics: Record<string, unknown>;
  readonly _indexes: SchemaIndex[];
  eachPath(fn: (name: string, path: SchemaPath) => void): unknown;
  pre(hook: string | readonly string[], options: object, fn: (this: object) => void): unknown;
  on(event: "init", listener: (model: unknown) => void): unknown;
}
