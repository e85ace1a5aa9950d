import type { MongoGuard } from "../../guards/mongodb/index.js";
import type { MongooseBuilder } from "./native.js";

/** The guard of each Mongoose instance. */
export const guards = new WeakMap<object, MongoGuard>();

/** The guard of a query or aggregation, by the instance that its model or connection is of. */
export function guardOf({ model, _model, _connection }: MongooseBuilder): MongoGuard | undefined {
  const owner: unknown = _model ?? _connection ?? model;
  const base: unknown = Reflect.get(Object(owner) as object, "base");
  return typeof base === "object" && base !== null ? guards.get(base) : undefined;
}
