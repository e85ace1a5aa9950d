import { PartywallError } from "../../errors.js";
import type { TenantKey } from "../../scope/directory.js";
import { conclude, outcomeOf } from "../../scope/lifecycle.js";
import { checkedBindings, currentBindings, type Binding, type BindingSource } from "./bindings.js";
import { openChild, type ContainerScope } from "./child.js";
import type { ContainerHost } from "./host.js";
import { nameOf, type ContainerPort, type Token } from "./port.js";
import type { RoleOf } from "./user-context.js";

/** Options of {@link tenantContainer}. */
export interface TenantContainerOptions {
  /** What each child is given, pinned to its scope: models, repositories, database handles, and the services on them. */
  readonly bindings: readonly (Binding | BindingSource)[];
  /** Token of the {@link UserContext}; not bound unless told. */
  readonly userContext?: Token;
  /** The role of a principal, for the {@link UserContext}; its property `role` unless told. */
  readonly role?: RoleOf;
  /** Told of errors of disposal where nobody awaits it, after `openFor`; default `process.emitWarning`. */
  readonly onDisposeError?: (error: unknown) => void;
}

/** The slice of a response of Node.js whose end is waited for. */
export interface ClosingResponse {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  once(event: "close", listener: () => void): unknown;
}

/** A container that gives each tenant's scope a child of its own; see {@link tenantContainer}. */
export interface TenantContainer<Native> {
  /** Opens the tenant's scope as `pw.run` does and runs `fn` there with a child that is closed when it has ended. */
  run<T>(
    tenant: TenantKey,
    fn: (scope: ContainerScope<Native>) => T,
    options?: { readonly principal?: unknown },
  ): Promise<Awaited<T>>;
  /** Runs `fn` with a child for the scope that is current; for jobs and handlers that are in one. */
  enter<T>(fn: (scope: ContainerScope<Native>) => T): Promise<Awaited<T>>;
  /** A child for the scope that is current; whoever opens it closes it. Throws `TenantContextError` where there is none. */
  open(): ContainerScope<Native>;
  /** A child for the scope that is current, closed when the response has closed; for the middleware of a framework. */
  openFor(response: ClosingResponse): ContainerScope<Native>;
}

const OPTIONS = ["bindings", "userContext", "role", "onDisposeError"];

/**
 * Gives each tenant's scope a child of a container, in which models, repositories and database handles are lent and
 * services are built: once for each child, and usable in that scope only.
 *
 * What a child has given throws `PW_CONTAINER_SCOPE` where it is used in another tenant's scope, in another request of the
 * same tenant, after its request, or where another principal is acting, and `TenantContextError` where no tenant is
 * current. A singleton of the root that would be built from it is refused with the same code. Throws `PW_CONFIG` for
 * bindings that cannot be meant and for a token that the root has already.
 *
 * @example
 * ```ts
 * import * as library from "awilix";
 * import { createPartywall } from "partywall";
 * import { awilix, tenantContainer } from "partywall/runtime/container";
 *
 * const pw = createPartywall({ secret: "an example, at least 32 characters long" });
 * const root = library.createContainer({ strict: true });
 * const containers = tenantContainer(pw, awilix(library, root), {
 *   bindings: [{ token: "greeter", useFactory: () => ({ greet: () => `Hello ${pw.current().name}` }) }],
 * });
 *
 * await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
 * const text = await containers.run("acme", ({ get }) => get<{ greet(): string }>("greeter").greet());
 * console.log(text); // Hello Acme
 * await pw.close();
 * ```
 */
export function tenantContainer<Native>(
  host: ContainerHost,
  port: ContainerPort<Native>,
  options: TenantContainerOptions,
): TenantContainer<Native> {
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined)
    throw new PartywallError("PW_CONFIG", `tenantContainer() does not know the option ${unknown}.`);
  const { userContext: contextToken, role, onDisposeError = warn } = options;
  const given = [
    ...options.bindings,
    ...(contextToken === undefined ? [] : [{ token: contextToken, useValue: undefined }]),
  ];
  const reserved = new Set<Token>();
  const bindingsNow = () => {
    const bindings = checkedBindings(currentBindings(given));
    for (const { token } of bindings.filter((one) => !reserved.has(one.token))) {
      port.reserve(token, () => refuse(token));
      reserved.add(token);
    }
    return bindings;
  };
  bindingsNow();

  const open = () => openChild({ host, port, bindings: bindingsNow(), contextToken, role, refuse });
  const enter = async <T>(fn: (scope: ContainerScope<Native>) => T): Promise<Awaited<T>> => {
    const scope = open();
    const outcome = await outcomeOf((async () => fn(scope))());
    const closed = await outcomeOf(scope.close());
    return conclude(outcome as { value: Awaited<T> }, "error" in closed ? [closed.error] : []);
  };
  return Object.freeze<TenantContainer<Native>>({
    run: (tenant, fn, how) => host.run(tenant, () => enter(fn), how),
    enter,
    open,
    openFor(response) {
      const scope = open();
      const close = () => void scope.close().catch(onDisposeError);
      if (response.closed === true || response.destroyed === true) close();
      else response.once("close", close);
      return scope;
    },
  });
}

function refuse(token: Token): never {
  throw new PartywallError(
    "PW_CONTAINER_SCOPE",
    `${nameOf(token)} belongs to a tenant's scope and was asked of the root container, or by something that is built from it and would keep it for the next tenant. ` +
      "Give what asks for it to tenantContainer({ bindings }), or let it take what it needs as an argument.",
  );
}

function warn(error: unknown): void {
  process.emitWarning(
    error instanceof Error
      ? error
      : new Error("a child container failed to close", { cause: error }),
  );
}
