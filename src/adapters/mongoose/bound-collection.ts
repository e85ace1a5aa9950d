import type { Binding } from "./binding.js";
import { boundCursor, boundStream } from "./bound-cursor.js";

type Method = (...args: unknown[]) => unknown;

const CURSORS = new Set<PropertyKey>(["find", "aggregate", "listIndexes", "listSearchIndexes"]);
const BULKS = new Set<PropertyKey>(["initializeOrderedBulkOp", "initializeUnorderedBulkOp"]);

/**
 * A stand-in for a collection, Mongoose's or the driver's, whose operations all run in the binding's scope: what the driver's
 * `Collection` has by name, whether it is known here or not.
 */
export function boundCollection(
  collection: object,
  binding: Binding,
  driver: { readonly prototype: object },
): object {
  const wrapped = (value: unknown) =>
    isObject(value) && Object.prototype.isPrototypeOf.call(driver.prototype, value)
      ? boundCollection(value, binding, driver)
      : value;
  return new Proxy(collection, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return wrapped(value);
      if (key in Object.prototype) return value;
      const call =
        (...args: unknown[]) =>
        () =>
          Reflect.apply(value as Method, target, args);
      if (!(key in driver.prototype)) return (...args: unknown[]) => wrapped(call(...args)());
      if (CURSORS.has(key)) return (...args: unknown[]) => boundCursor(binding, call(...args));
      if (key === "watch") return (...args: unknown[]) => boundStream(binding, call(...args));
      if (BULKS.has(key)) return (...args: unknown[]) => boundBulk(binding, call(...args)());
      return (...args: unknown[]) => binding.enter(call(...args));
    },
  });
}

/** A bulk sends nothing before it is executed. */
function boundBulk(binding: Binding, bulk: unknown): unknown {
  if (!isObject(bulk)) return bulk;
  const execute: unknown = Reflect.get(bulk, "execute");
  const value = (...args: unknown[]) =>
    binding.enter(() => Reflect.apply(execute as Method, bulk, args));
  return Object.defineProperty(bulk, "execute", { value, writable: true, configurable: true });
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
