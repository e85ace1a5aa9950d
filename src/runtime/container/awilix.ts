import { PartywallError } from "../../errors.js";
import { nameOf, taken, type ContainerPort, type Token } from "./port.js";

interface AwilixResolver {
  resolve(container: never): unknown;
}

/** The slice of Awilix' container that is used. */
export interface AwilixContainer {
  readonly options: { readonly strict?: boolean };
  // oxlint-disable-next-line typescript/no-explicit-any -- Awilix types a registration by its container
  register(name: string | symbol, resolver: any): unknown;
  hasRegistration(name: string | symbol): boolean;
  resolve(name: never): unknown;
  createScope(): object;
  dispose(): Promise<void>;
}

/** The slice of the module `awilix` that is used. */
export interface AwilixModule {
  // oxlint-disable-next-line typescript/no-explicit-any -- as Awilix types it
  asClass(type: new (...args: any[]) => unknown): AwilixResolver;
}

/**
 * Awilix 13 for `tenantContainer`: a scope of `root` for each child. Tokens are strings and symbols. Throws `PW_CONFIG`
 * where `root` is not strict: only a strict container builds its singletons from the root.
 *
 * @example
 * ```ts
 * import * as library from "awilix";
 * import { createPartywall } from "partywall";
 * import { awilix, tenantContainer } from "partywall/runtime/container";
 *
 * const root = library.createContainer({ strict: true });
 * export const containers = tenantContainer(createPartywall(), awilix(library, root), { bindings: [] });
 * ```
 */
export function awilix<Native extends AwilixContainer>(
  library: AwilixModule,
  root: Native,
): ContainerPort<Native> {
  if (root.options.strict !== true)
    throw new PartywallError(
      "PW_CONFIG",
      "tenantContainer() got an Awilix container that is not strict, whose singletons may be built from the scope of whichever tenant comes first. Make it with createContainer({ strict: true }).",
    );
  return {
    reserve(token, refuse) {
      const name = nameIn(token);
      if (root.hasRegistration(name)) throw taken(token);
      // Safe of leaks, since it leaks nothing: so that it is the one that answers to a singleton.
      root.register(name, { resolve: refuse, lifetime: "TRANSIENT", isLeakSafe: true });
    },
    open(bindings) {
      const child = root.createScope() as Native;
      for (const { token, useClass, make, lend } of bindings) {
        const built = useClass === undefined ? undefined : library.asClass(useClass);
        child.register(nameIn(token), {
          resolve: (scope: never) => (built === undefined ? make() : lend(built.resolve(scope))),
          lifetime: "SCOPED",
        });
      }
      return child;
    },
    get: (child, token) => child.resolve(nameIn(token) as never),
    close: (child) => child.dispose(),
  };
}

function nameIn(token: Token): string | symbol {
  if (typeof token !== "function") return token;
  throw new PartywallError(
    "PW_CONFIG",
    `Awilix finds what it injects by name, and ${nameOf(token)} is a class. Give a string or symbol as its token.`,
  );
}
