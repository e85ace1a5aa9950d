import { nameOf, taken, type ContainerPort } from "./port.js";

/** The slice of tsyringe's container that is used. */
export interface TsyringeContainer {
  // oxlint-disable-next-line typescript/no-explicit-any -- tsyringe types it by the provider
  register(token: any, provider: any, options?: any): unknown;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  resolve(token: any): any;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  resolveAll(token: any): any[];
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  isRegistered(token: any, recursive?: boolean): boolean;
  createChildContainer(): object;
  dispose(): Promise<void> | void;
}

/** `Lifecycle.Singleton` of tsyringe. */
const SINGLETON = 1;

/**
 * tsyringe 4 for `tenantContainer`: a child container of `root` for each child. Classes bound by `useClass` are decorated
 * as tsyringe has it. What the root registers is built from the root, be it a singleton or not; a class that nobody
 * registered is built in the child.
 *
 * @example
 * ```ts
 * import "reflect-metadata";
 * import { container } from "tsyringe";
 * import { createPartywall } from "partywall";
 * import { tenantContainer, tsyringe } from "partywall/runtime/container";
 *
 * export const containers = tenantContainer(createPartywall(), tsyringe(container), { bindings: [] });
 * ```
 */
export function tsyringe<Native extends TsyringeContainer>(root: Native): ContainerPort<Native> {
  // tsyringe makes text of an error in what it injects; a child throws the error itself.
  const refusal: Refusal = {};
  return {
    reserve(token, refuse) {
      if (root.isRegistered(token, true)) throw taken(token);
      root.register(token, {
        useFactory: () => {
          try {
            return refuse();
          } catch (error) {
            refusal.error = error;
            throw error;
          }
        },
      });
    },
    open(bindings) {
      const child = fromRoot(root, root.createChildContainer() as Native, refusal);
      for (const { token, useClass, make, lend } of bindings) {
        if (useClass === undefined) {
          child.register(token, { useFactory: make });
          continue;
        }
        // Under a token of its own, or asking for the class would build it past its pin.
        const built = Symbol(nameOf(token));
        let lent: { readonly value: unknown } | undefined;
        child.register(built, { useClass }, { lifecycle: SINGLETON });
        child.register(token, {
          useFactory: () => (lent ??= { value: lend(child.resolve(built)) }).value,
        });
      }
      return child;
    },
    get: (child, token) => child.resolve(token) as unknown,
    close: (child) => child.dispose(),
  };
}

interface Refusal {
  error?: unknown;
}

/** A child whose parents' registrations are built by the parents: tsyringe would keep the child's instances in singletons. */
function fromRoot<Native extends TsyringeContainer>(
  root: Native,
  child: Native,
  refusal: Refusal,
): Native {
  for (const method of ["resolve", "resolveAll"] as const) {
    const own = child[method].bind(child) as (token: unknown, ...more: unknown[]) => never;
    const above = root[method].bind(root) as typeof own;
    child[method] = (token: unknown, ...more: unknown[]) => {
      delete refusal.error;
      try {
        return !child.isRegistered(token) && root.isRegistered(token, true)
          ? above(token)
          : own(token, ...more);
      } catch (error) {
        throw refusal.error ?? error;
      }
    };
  }
  const create = child.createChildContainer.bind(child);
  child.createChildContainer = () => fromRoot(child, create() as Native, refusal);
  return child;
}
