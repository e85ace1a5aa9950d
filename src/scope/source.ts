import type { Scope } from "./scope.js";

/**
 * Where else a current scope may come from, for hosts that do not keep one asynchronous context per request.
 * Asked only when the AsyncLocalStorage holds no scope of the instance; the AsyncLocalStorage always wins.
 */
export interface ScopeSource {
  /** The scope current for the caller, as taken earlier from `pw.scope()`; must be synchronous and must not throw. */
  get(): Scope | undefined;
}
