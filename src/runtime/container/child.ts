import { PartywallError } from "../../errors.js";
import { outcomeOf } from "../../scope/lifecycle.js";
import type { CheckedBinding } from "./bindings.js";
import type { ContainerHost } from "./host.js";
import { Life } from "./life.js";
import { nameOf, type ContainerPort, type PortBinding, type Token } from "./port.js";
import { userContext, type RoleOf } from "./user-context.js";

/**
 * A child of a container, in one tenant's scope; its functions need no `this`.
 *
 * @example
 * ```ts
 * import type { ContainerScope } from "partywall/runtime/container";
 *
 * export const titles = ({ get }: ContainerScope<unknown>) => get<readonly string[]>("titles");
 * ```
 */
export interface ContainerScope<Native> {
  /** The library's own child container. */
  readonly container: Native;
  /** What a token gives in this child; throws as the container does, and as what is pinned does. */
  readonly get: <T = unknown>(token: Token<T>) => T;
  /**
   * Disposes what was made here, last made first, then the library's own child, in the scope; afterwards nothing of it
   * can be used. May be repeated. Rejects with an `AggregateError` of what failed.
   */
  readonly close: () => Promise<void>;
}

interface Opening<Native> {
  readonly host: ContainerHost;
  readonly port: ContainerPort<Native>;
  readonly bindings: readonly CheckedBinding[];
  readonly contextToken: Token | undefined;
  readonly role: RoleOf | undefined;
  readonly refuse: (token: Token) => never;
}

/** Opens a child in the scope that is current. */
export function openChild<Native>(opening: Opening<Native>): ContainerScope<Native> {
  const { host, port, contextToken, role } = opening;
  const life = new Life(host);
  const made: { dispose(): unknown }[] = [];
  const making = new Set<Token>();
  const get = <T>(token: Token<T>): T => {
    life.assertUsable(token);
    return port.get(container, token) as T;
  };
  const container = port.open(opening.bindings.map(bindingOf), opening.refuse);
  const dispose = host.bind(async () => {
    const faults: unknown[] = [];
    for (const one of made.toReversed()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other: what was made later may need what was made before
      const outcome = await outcomeOf((async () => one.dispose())());
      if ("error" in outcome) faults.push(outcome.error);
    }
    const outcome = await outcomeOf((async () => port.close(container))());
    if ("error" in outcome) faults.push(outcome.error);
    life.end();
    if (faults.length > 0)
      throw new AggregateError(faults, "a child container could not dispose of all it had made");
  });
  let closing: Promise<void> | undefined;
  return Object.freeze({ container, get, close: () => (closing ??= dispose()) });

  function bindingOf(binding: CheckedBinding): PortBinding {
    const { token } = binding;
    const lend = (built: unknown) => {
      life.assertUsable(token);
      const lent = life.lend(token, built);
      if ("dispose" in binding && binding.dispose !== undefined) {
        const { dispose: end } = binding;
        made.push({ dispose: () => end(built as never) });
      }
      return lent;
    };
    const once = memo(() => {
      if (making.has(token))
        throw new PartywallError(
          "PW_CONFIG",
          `tenantContainer() cannot make ${nameOf(token)}: it needs itself, by way of what it needs.`,
        );
      making.add(token);
      try {
        return lend(valueOf(binding));
      } finally {
        making.delete(token);
      }
    });
    return {
      token,
      ...("useClass" in binding ? { useClass: binding.useClass } : {}),
      make: once,
      lend,
    };
  }

  function valueOf(binding: CheckedBinding): unknown {
    if (binding.token === contextToken) return userContext(life.scope, role);
    if ("useValue" in binding) return binding.useValue;
    if ("useFactory" in binding) return binding.useFactory(get);
    return undefined;
  }
}

function memo<T>(make: () => T): () => T {
  let held: { readonly value: T } | undefined;
  return () => (held ??= { value: make() }).value;
}
