import { PartywallError } from "../../errors.js";
import { nameOf, type Token } from "./port.js";

/** A class that the container builds once for each child, with what it injects. */
export interface ClassBinding {
  readonly token: Token;
  readonly useClass: new (...args: never[]) => unknown;
  /** Called with the instance when the child is closed, in its scope; awaited. */
  readonly dispose?: (instance: never) => unknown;
}

/** A function that makes the instance once for each child, of what `get` gives there. */
export interface FactoryBinding {
  readonly token: Token;
  readonly useFactory: (get: <T = unknown>(token: Token<T>) => T) => unknown;
  /** Called with the instance when the child is closed, in its scope; awaited. */
  readonly dispose?: (instance: never) => unknown;
}

/** A model, repository or database handle that all tenants share, lent to each child. */
export interface ValueBinding {
  readonly token: Token;
  readonly useValue: unknown;
}

/**
 * What every child is given; a class alone is bound to itself.
 *
 * @example
 * ```ts
 * import type { Binding } from "partywall/runtime/container";
 *
 * class Goals {
 *   find = async () => ["learn"];
 * }
 * export const bindings: Binding[] = [
 *   { token: "goals", useValue: new Goals() },
 *   { token: "titles", useFactory: (get) => ({ all: () => get<Goals>("goals").find() }) },
 * ];
 * ```
 */
export type Binding =
  | ClassBinding
  | FactoryBinding
  | ValueBinding
  | (new (...args: never[]) => unknown);

/** Bindings that may become more: asked for whenever a child is opened, for example `mongooseModels(connection)`. */
export interface BindingSource {
  bindings(): readonly Binding[];
}

/** A binding as it is worked with: a class is bound to itself. */
export type CheckedBinding = Exclude<Binding, new () => unknown>;

/** Bindings as they are now: those that are given, and those of the sources among them. */
export function currentBindings(given: readonly (Binding | BindingSource)[]): Binding[] {
  return given.flatMap((one) => (isSource(one) ? one.bindings() : [one]));
}

function isSource(one: Binding | BindingSource): one is BindingSource {
  return typeof one === "object" && typeof Reflect.get(one, "bindings") === "function";
}

/** The bindings, each with its token, as they were given. Throws `PW_CONFIG` on one that cannot be meant. */
export function checkedBindings(given: readonly Binding[]): CheckedBinding[] {
  const tokens = new Set<Token>();
  return given.map((one) => {
    const binding = typeof one === "function" ? { token: one, useClass: one } : { ...one };
    const { token } = binding;
    if (!["function", "string", "symbol"].includes(typeof token))
      throw wrong("has a binding without a token. A token is a class, a string or a symbol");
    if (tokens.has(token)) throw wrong(`binds ${nameOf(token)} twice. Bind it once`);
    tokens.add(token);
    const uses = (["useClass", "useFactory", "useValue"] as const).filter((use) => use in binding);
    if (uses.length !== 1)
      throw wrong(`must bind ${nameOf(token)} by one of useClass, useFactory and useValue`);
    const known = ["token", ...uses, ...(uses[0] === "useValue" ? [] : ["dispose"])];
    const unknown = Object.keys(binding).find((key) => !known.includes(key));
    if (unknown !== undefined)
      throw wrong(
        `has ${JSON.stringify(unknown)} in the binding of ${nameOf(token)}, which it does not know there`,
      );
    for (const key of ["useClass", "useFactory", "dispose"] as const)
      if (key in binding && typeof Reflect.get(binding, key) !== "function")
        throw wrong(`needs a function as ${key} of ${nameOf(token)}`);
    return binding;
  });
}

function wrong(what: string): PartywallError {
  return new PartywallError("PW_CONFIG", `tenantContainer() ${what}.`);
}
