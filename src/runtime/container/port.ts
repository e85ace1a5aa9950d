import { PartywallError } from "../../errors.js";

/**
 * What names a binding in a container: a class, a string or a symbol; Awilix takes strings and symbols only.
 *
 * @example
 * ```ts
 * import type { Token } from "partywall/runtime/container";
 *
 * class Goals {}
 * export const tokens: Token[] = [Goals, "goals", Symbol.for("goals")];
 * ```
 */
export type Token<T = unknown> = (abstract new (...args: never[]) => T) | string | symbol;

/** One binding as a container is told of it; `lend` is called at most once for each child that asks for it. */
export interface PortBinding {
  readonly token: Token;
  /** The class the container builds, with whatever it injects; absent where `make` gives the instance. */
  readonly useClass?: new (...args: never[]) => unknown;
  /** Gives the instance of this child. */
  readonly make: () => unknown;
  /** Pins what the container has built to the child. */
  readonly lend: (built: unknown) => unknown;
}

/**
 * One kind of container as `tenantContainer` uses it; `awilix`, `inversify` and `tsyringe` make them.
 *
 * @example
 * ```ts
 * import * as library from "awilix";
 * import { awilix, type ContainerPort } from "partywall/runtime/container";
 *
 * const root = library.createContainer({ strict: true });
 * export const port: ContainerPort<typeof root> = awilix(library, root);
 * ```
 */
export interface ContainerPort<Native> {
  /** Lets the root refuse a token; throws `PW_CONFIG` where it has that token already. */
  reserve(token: Token, refuse: () => never): void;
  /**
   * A child of the root with these bindings, each built once. What the root holds must not be built from them: where
   * the container can tell, `refuse` is called with the token.
   */
  open(bindings: readonly PortBinding[], refuse: (token: Token) => never): Native;
  /** What a token gives in a child. */
  get(child: Native, token: Token): unknown;
  /** Runs the container's own hooks of disposal for a child. */
  close(child: Native): unknown;
}

/** A token as a message names it. */
export function nameOf(token: Token): string {
  return typeof token === "function" ? token.name || "an anonymous class" : String(token);
}

/** The refusal of a token that the root container has already. */
export function taken(token: Token): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `tenantContainer() binds ${nameOf(token)}, which the root container has already. Leave it to one of them.`,
  );
}
