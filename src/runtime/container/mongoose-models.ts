import type { ValueBinding } from "./bindings.js";
import type { Token } from "./port.js";

/** The slice of a Mongoose connection, or of Mongoose itself, that is used. */
export interface MongooseConnection {
  readonly models: Readonly<Record<string, unknown>>;
}

/** The models of a connection as bindings: {@link mongooseModels}. */
export interface MongooseModels {
  /** A binding for each model that is registered by now. */
  bindings(): readonly ValueBinding[];
}

/**
 * Every model that is registered on a connection, for the `bindings` of `tenantContainer`: each by its name, or by the token
 * that `token` gives for it. Those that are registered later are found too, by each child that is opened since.
 *
 * @example
 * ```ts
 * import * as library from "awilix";
 * import mongoose from "mongoose";
 * import { createPartywall } from "partywall";
 * import { awilix, mongooseModels, tenantContainer } from "partywall/runtime/container";
 *
 * const root = library.createContainer({ strict: true });
 * export const containers = tenantContainer(createPartywall(), awilix(library, root), {
 *   bindings: [mongooseModels(mongoose.connection, { token: (name) => `${name}Model` })],
 * });
 * ```
 */
export function mongooseModels(
  connection: MongooseConnection,
  { token = (name) => name }: { readonly token?: (modelName: string) => Token } = {},
): MongooseModels {
  return Object.freeze<MongooseModels>({
    bindings: () =>
      Object.entries(connection.models).map(([name, useValue]) => ({
        token: token(name),
        useValue,
      })),
  });
}
