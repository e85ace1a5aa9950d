import { PartywallError } from "../../errors.js";
import { tenantOf, tenantScope } from "../../scope/current.js";
import type { Scope, TenantScope } from "../../scope/scope.js";
import type { ContainerHost } from "./host.js";
import { pin } from "./pin.js";
import { nameOf, type Token } from "./port.js";

/** The life of one child: the scope it belongs to, from being opened in it to being closed. */
export class Life {
  readonly scope: TenantScope;
  readonly #host: ContainerHost;
  #closed = false;

  /** Throws {@link TenantContextError} where no tenant is current. */
  constructor(host: ContainerHost) {
    this.scope = tenantScope(host.scope());
    this.#host = host;
  }

  /** From here on nothing that was lent can be used. */
  end(): void {
    this.#closed = true;
  }

  /** Throws unless it is open and the caller runs in its scope, as its principal. */
  assertUsable(token: Token): void {
    const current = this.#host.scope();
    // Of another tenant's scope nothing is said: neither tenant is the other's to know.
    const { id } = tenantOf(current);
    if (id !== this.scope.tenant.id)
      throw outside(token, "in the scope of another tenant than the one it was resolved for");
    if (this.#closed) throw outside(token, "after the request it was resolved for had ended");
    if (!isWithin(current, this.scope))
      throw outside(token, "in another scope of its tenant than the one it was resolved in");
    if (current?.principal !== this.scope.principal)
      throw outside(token, "where somebody else is acting than when it was resolved");
  }

  /** What the child gives out for an instance. */
  lend(token: Token, instance: unknown): unknown {
    if (instance instanceof Promise)
      throw new PartywallError(
        "PW_CONFIG",
        `tenantContainer() got a promise as ${nameOf(token)}. Await what it needs before the container is made, or in a method.`,
      );
    return pin(instance, () => this.assertUsable(token));
  }
}

function isWithin(current: Scope | undefined, scope: Scope): boolean {
  let one = current;
  while (one !== undefined && one !== scope) one = one.parent;
  return one === scope;
}

function outside(token: Token, where: string): PartywallError {
  return new PartywallError(
    "PW_CONTAINER_SCOPE",
    `${nameOf(token)} of a tenant's container was used ${where}. Resolve it where it is used, in a container of that scope, and let nothing that lives longer keep it.`,
  );
}
