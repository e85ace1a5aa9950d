import { AsyncLocalStorage } from "node:async_hooks";
import type { MongooseInternals } from "./native.js";
import { override } from "./override.js";

type Moment = ReturnType<typeof AsyncLocalStorage.snapshot>;
type Call = readonly [method: string | ((...args: unknown[]) => unknown), args?: unknown[]];

interface QueueingCollection {
  queue: Call[];
  readonly [method: string]: unknown;
}

const moments = new WeakMap<Call, Moment>();
const overridden = new WeakSet();

/**
 * Lets what Mongoose holds back until it is connected run as whoever called it. Mongoose 8 runs it all as whoever connects,
 * and so in another tenant's scope.
 */
export function queueInScope({ Collection }: MongooseInternals): void {
  if (overridden.has(Collection)) return;
  const { prototype } = Collection;
  override(
    prototype,
    "addQueue",
    (original) =>
      function (...args) {
        const result = original.apply(this, args);
        const call = (this as QueueingCollection).queue.at(-1);
        if (call !== undefined) moments.set(call, AsyncLocalStorage.snapshot());
        return result;
      },
  );
  override(
    prototype,
    "doQueue",
    (original) =>
      function (...args) {
        const collection = this as QueueingCollection;
        collection.queue = collection.queue.map((call) => asCalled(collection, call));
        return original.apply(this, args);
      },
  );
  overridden.add(Collection);
}

function asCalled(collection: QueueingCollection, call: Call): Call {
  const moment = moments.get(call);
  if (moment === undefined) return call;
  const [method, args = []] = call;
  const run = () => {
    const called = typeof method === "function" ? method : collection[method];
    return Reflect.apply(called as (...args: unknown[]) => unknown, collection, args);
  };
  return [() => moment(run)];
}
