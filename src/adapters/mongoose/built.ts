import { AsyncLocalStorage } from "node:async_hooks";
import { bindingOf } from "./binding.js";
import { guardOf } from "./guards.js";
import type { MongooseInternals } from "./native.js";
import { override } from "./override.js";

type Moment = ReturnType<typeof AsyncLocalStorage.snapshot>;

const moments = new WeakMap<object, Moment>();
const overridden = new WeakSet();

/**
 * Lets each Query and Aggregate run in the scope it was built in, or in the one that its model is bound to. Mongoose has no
 * hook for that; what it calls while it builds one is where the moment is kept, and what sends it is where it is gone back to.
 */
export function runWhereBuilt({ Query, Aggregate }: MongooseInternals): void {
  if (overridden.has(Query)) return;
  // The constructor of a Query calls the first for whatever a model makes, the others begin an Aggregate.
  const begins = [
    [Query, "collection"],
    [Aggregate, "append"],
    [Aggregate, "model"],
  ] as const;
  for (const [{ prototype }, name] of begins) keepMoment(prototype, name);
  for (const { prototype } of [Query, Aggregate]) {
    for (const name of ["exec", "cursor"]) goBack(prototype, name);
  }
  overridden.add(Query);
}

function keepMoment(prototype: object, name: string): void {
  override(
    prototype,
    name,
    (original) =>
      function (...args) {
        if (!moments.has(this)) moments.set(this, AsyncLocalStorage.snapshot());
        return original.apply(this, args);
      },
  );
}

function goBack(prototype: object, name: string): void {
  override(
    prototype,
    name,
    (original) =>
      function (...args) {
        const run = () => original.apply(this, args);
        const binding = bindingOf(this);
        // The cursor's own commands are entered one by one, by the collection of the bound model.
        if (binding !== undefined) return name === "exec" ? binding.enter(run) : run();
        const guard = guardOf(this);
        const moment = moments.get(this);
        if (guard === undefined || moment === undefined) return run();
        // A refusal of exec() is a rejection, as every failure of it.
        return name === "exec"
          ? Promise.resolve().then(() => guard.runAsBuilt(moment, run))
          : guard.runAsBuilt(moment, run);
      },
  );
}
