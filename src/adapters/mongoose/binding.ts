import type { MongooseBuilder } from "./native.js";

/** The scope in which the operations of a bound model run, whoever awaits them. */
export interface Binding {
  /** Runs `fn` there; rejects, and `fn` is not called, where that scope may not be opened. */
  enter<T>(fn: () => T): Promise<Awaited<T>>;
}

const BINDING = Symbol("partywall: binding");

/** Binds a model, and what is made of it by inheritance. */
export function bind(model: object, binding: Binding): void {
  Object.defineProperty(model, BINDING, { value: binding });
}

/** The binding of a model; undefined where it is not bound. */
export function bindingOfModel(model: unknown): Binding | undefined {
  return typeof model === "function"
    ? (Reflect.get(model, BINDING) as Binding | undefined)
    : undefined;
}

/** The binding of a query or aggregation: its model's. */
export const bindingOf = ({ model, _model }: MongooseBuilder): Binding | undefined =>
  bindingOfModel(_model ?? model);
