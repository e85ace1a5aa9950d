import { taken, type ContainerPort } from "./port.js";

interface Requester {
  readonly serviceIdentifier: unknown;
  getAncestor(): Requester | undefined;
}

interface Bound {
  inSingletonScope(): { when(constraint: (asked: Requester) => boolean): Activated };
}

interface Activated {
  // oxlint-disable-next-line typescript/no-explicit-any -- Inversify types it by the service
  onActivation(activation: (context: any, instance: any) => any): unknown;
}

/** The slice of Inversify's container that is used. */
export interface InversifyContainer {
  // oxlint-disable-next-line typescript/no-explicit-any -- Inversify types it by the service
  bind(token: any): {
    // oxlint-disable-next-line typescript/no-explicit-any -- as above
    to(type: any): Bound;
    // oxlint-disable-next-line typescript/no-explicit-any -- as above
    toDynamicValue(make: () => any): Bound & { inTransientScope(): unknown };
  };
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  get(token: any): unknown;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  isBound(token: any): boolean;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  isCurrentBound(token: any): boolean;
  unbindAllAsync(): Promise<void>;
}

/**
 * Inversify 8 for `tenantContainer`: a container for each child, with `root` as its parent. Classes bound by `useClass` are
 * decorated as Inversify has it. What the root binds is refused what a child holds, be it a singleton or not.
 *
 * @example
 * ```ts
 * import { Container } from "inversify";
 * import { createPartywall } from "partywall";
 * import { inversify, tenantContainer } from "partywall/runtime/container";
 *
 * const root = new Container();
 * export const containers = tenantContainer(createPartywall(), inversify(Container, root), { bindings: [] });
 * ```
 */
export function inversify<Native extends InversifyContainer>(
  Container: new (options: { parent: Native }) => Native,
  root: Native,
): ContainerPort<Native> {
  return {
    reserve(token, refuse) {
      if (root.isBound(token)) throw taken(token);
      root.bind(token).toDynamicValue(refuse).inTransientScope();
    },
    open(bindings, refuse) {
      const child = new Container({ parent: root });
      for (const { token, useClass, make, lend } of bindings) {
        const own = (asked: Requester) => {
          // Inversify plans what the root binds with the child's bindings too, and would keep them in its singletons.
          for (let one = asked.getAncestor(); one !== undefined; one = one.getAncestor())
            if (!child.isCurrentBound(one.serviceIdentifier)) refuse(token);
          return true;
        };
        const bind = child.bind(token);
        if (useClass === undefined) bind.toDynamicValue(make).inSingletonScope().when(own);
        else
          bind
            .to(useClass)
            .inSingletonScope()
            .when(own)
            .onActivation((_: unknown, built: unknown) => lend(built));
      }
      return child;
    },
    get: (child, token) => child.get(token),
    close: (child) => child.unbindAllAsync(),
  };
}
