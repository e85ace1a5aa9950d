import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { registerScopeSource } from "../../scope/register-source.js";
import type { Scope } from "../../scope/scope.js";
import { bindToScope } from "../node-scope.js";
import type { Emitter, NodeResponse } from "../node-scope.js";

/** What a request has been let into, once it has. */
interface Held {
  /** Undefined where parts of one request were led to different scopes: then none is the request's. */
  readonly scope: Scope | undefined;
  readonly inScope: AsyncResource;
}

interface HttpRequest {
  readonly raw: Emitter;
  readonly held: Map<RequestScopes, Held>;
}

const requests = new AsyncLocalStorage<HttpRequest | undefined>();

/**
 * The scope of each HTTP request, held by the request from when it has been let in. Nest decides what to do with a
 * handler's result, and calls exception filters, outside of what its interceptors run; there the scope is taken from here.
 */
export class RequestScopes {
  readonly #remove = registerScopeSource({ get: () => this.#current()?.scope });

  /** Middleware that goes before everything else of a request. */
  readonly open = (req: Emitter, res: NodeResponse, next: () => void): void => {
    const around = requests.getStore();
    const request = around?.raw === req ? around : { raw: req, held: new Map() };
    requests.run(request, () => {
      bindToScope(req, res);
      next();
    });
  };

  /** Makes the scope current here that of the request. */
  hold(raw: Emitter, scope: Scope | undefined): void {
    const request = requests.getStore();
    if (request?.raw !== raw) return;
    const before = request.held.get(this);
    const same = before === undefined || isSame(before.scope, scope);
    request.held.set(this, {
      scope: same ? scope : undefined,
      inScope: new AsyncResource("PARTYWALL_REQUEST"),
    });
  }

  /** Runs in the scope of a request that has been let in; undefined where it has not been. */
  entered(raw: Emitter): AsyncResource | undefined {
    const request = requests.getStore();
    return request?.raw === raw ? request.held.get(this)?.inScope : undefined;
  }

  close(): void {
    this.#remove();
  }

  #current(): Held | undefined {
    return requests.getStore()?.held.get(this);
  }
}

/** The scope held by the request around, whichever module let it in. */
export function heldScope(): Scope | undefined {
  return [...(requests.getStore()?.held.values() ?? [])].at(-1)?.scope;
}

/** Runs `fn` in no request. */
export function outsideRequests<T>(fn: () => T): T {
  return requests.run(undefined, fn);
}

function isSame(one: Scope | undefined, other: Scope | undefined): boolean {
  if (one?.kind === "tenant" && other?.kind === "tenant") return one.tenant.id === other.tenant.id;
  return one?.kind === other?.kind;
}
