import { PartywallError } from "../../errors.js";
import { outside } from "../../scope/outside.js";
import type { Binding } from "./binding.js";

type Method = (...args: unknown[]) => unknown;

/** Where a cursor of the driver's sends something: all of its reading is done by batches. */
const SENDING = ["fetchBatch", "count", "explain"] as const;

/** Makes a cursor of the driver's in no scope, and lets whatever it sends go out in the binding's. */
export function boundCursor(binding: Binding, make: () => unknown): unknown {
  return whenMade(outside(make), (cursor) => bind(binding, cursor));
}

/** The same for a change stream, which makes another cursor each time it resumes. */
export function boundStream(binding: Binding, make: () => unknown): unknown {
  return whenMade(outside(make), (stream) => {
    const again = methodOf(stream, "_createChangeStreamCursor");
    bind(binding, Object(Reflect.get(stream, "cursor")) as object);
    replace(stream, "_createChangeStreamCursor", (...args) =>
      bind(binding, Object(outside(() => Reflect.apply(again, stream, args))) as object),
    );
    return stream;
  });
}

function bind(binding: Binding, cursor: object): object {
  methodOf(cursor, "fetchBatch");
  for (const name of SENDING) {
    if (typeof Reflect.get(cursor, name) !== "function") continue;
    const send = methodOf(cursor, name);
    replace(cursor, name, (...args) => binding.enter(() => Reflect.apply(send, cursor, args)));
  }
  const clone = methodOf(cursor, "clone");
  replace(cursor, "clone", (...args) =>
    boundCursor(binding, () => Reflect.apply(clone, cursor, args)),
  );
  return cursor;
}

/** Mongoose gives a promise instead, while it is not connected. */
function whenMade(made: unknown, then: (made: object) => object): unknown {
  return made instanceof Promise
    ? made.then((one) => then(Object(one) as object))
    : then(Object(made) as object);
}

function replace(target: object, name: string, value: Method): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

function methodOf(target: object, name: string): Method {
  const method: unknown = Reflect.get(target, name);
  if (typeof method === "function") return method as Method;
  throw new PartywallError(
    "PW_CONFIG",
    `The driver's cursors lack ${name}(), so that a bound model cannot keep them in its scope. Use a version of Mongoose that the guard knows (docs/adapters/mongoose.md).`,
  );
}
