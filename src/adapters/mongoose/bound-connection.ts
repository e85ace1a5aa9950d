import type { BoundModels } from "./bound-models.js";
import type { MongooseModel } from "./native.js";

type Method = (...args: unknown[]) => unknown;

/** A stand-in for a model's connection, whose models and collections are bound alike; the rest of it is the connection's own. */
export function boundConnection(connection: object, models: BoundModels): object {
  return new Proxy(connection, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function" || key === "constructor") return value;
      const call = (...args: unknown[]) => Reflect.apply(value as Method, target, args);
      if (key === "model") return (...args: unknown[]) => models.of(call(...args) as MongooseModel);
      if (key === "collection")
        return (...args: unknown[]) => models.collection(call(...args) as object);
      return call;
    },
  });
}
