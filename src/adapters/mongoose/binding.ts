import type { MongooseBuilder } from "./native.js";

/** The scope in which the operations of a bound model run, whoever awaits them. */
export interface Binding {
  /** Runs `fn` there; rejects, and `fn` is not called, where that scope may not be opened. */
  enter<T>(fn: () => T): Promise<Awaited<T>>;
}

/** The binding of each bound model. */
export const bindings = new WeakMap<object, Binding>();

/** The binding of a query or aggregation: its model's. */
export function bindingOf({ model, _model }: MongooseBuilder): Binding | undefined {
  const owner: unknown = _model ?? model;
  return typeof owner === "function" ? bindings.get(owner) : undefined;
}
