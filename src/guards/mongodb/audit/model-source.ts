import type { MongoDocument } from "../driver.js";
import type { ReferenceEnd } from "./reference.js";

/** A path whose values name documents, as the schemas of models tell it. */
export interface ModelReference {
  /** Where it is. A name `$*` in the path stands for every key of a map. */
  readonly from: ReferenceEnd;
  /** Where they point; several where each document says which. Undefined where that cannot be told. */
  readonly to: readonly ReferenceEnd[] | undefined;
}

/** A model of an ODM, by what concerns tenants. */
export interface AuditedModel {
  readonly name: string;
  readonly collection: string;
  /** Whether it makes its collection or indexes by itself, when it is compiled. */
  readonly buildsByItself: boolean;
  /** What the tenant field is, where its schema has it: BSON's name, or the schema's own where BSON has none. */
  readonly typeOf: (field: string) => string | undefined;
}

/** A connection of an ODM. */
export interface ModelConnection {
  readonly name: string;
  /** Sends a command over it. Undefined while it is not connected. */
  readonly send: ((command: MongoDocument) => PromiseLike<unknown>) | undefined;
  readonly models: readonly AuditedModel[];
  readonly references: readonly ModelReference[];
}

/**
 * An ODM, as its adapter describes it to the audit; of Mongoose, `mongooseModels(mongoose)`.
 *
 * @example
 * ```ts
 * import mongoose from "mongoose";
 * import { mongooseModels } from "partywall/adapters/mongoose";
 * import type { ModelSource } from "partywall/guards/mongodb";
 *
 * const source: ModelSource = mongooseModels(mongoose);
 * console.log(source.connections().length);
 * ```
 */
export interface ModelSource {
  /** Its connections, as they are now. */
  connections(): readonly ModelConnection[];
}
