import type { Scope } from "./scope.js";

/**
 * Where else a current scope may come from, for hosts that do not keep one asynchronous context per request.
 * Asked only when the AsyncLocalStorage holds no scope of the instance; the AsyncLocalStorage always wins.
 */
export interface ScopeSource {
  /** The scope current for the caller, as taken earlier from `pw.scope()`; must be synchronous and must not throw. */
  get(): Scope | undefined;
  /**
   * Why no tenant may be current for the caller, in sentences for the error; undefined where one may. For places whose
   * result is kept for everybody, such as a cache that all tenants share. Asked about scopes of the AsyncLocalStorage too,
   * which are not seen there; must be synchronous and not throw.
   */
  withheld?(): string | undefined;
}
