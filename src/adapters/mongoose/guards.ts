import type { MongoGuard } from "../../guards/mongodb/index.js";
import type { MongooseBuilder } from "./native.js";

/** The guard of each Mongoose instance. */
export const guards = new WeakMap<object, MongoGuard>();

/** The guard of a query or aggregation, by the instance that its model or connection is of. */
export function guardOf({ model, _model, _connection }: MongooseBuilder): MongoGuard | undefined {
  return guardOfModel(_model ?? _connection ?? model);
}

/** The guard of a model or connection, by its instance. */
export function guardOfModel(owner: unknown): MongoGuard | undefined {
  const base: unknown = Reflect.get(Object(owner) as object, "base");
  return typeof base === "object" && base !== null ? guards.get(base) : undefined;
}
