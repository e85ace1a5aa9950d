import { AsyncResource } from "node:async_hooks";

/**
 * Binds a callback to the scope that is current now, as `AsyncResource.bind` does, but without the deprecated
 * property that Node.js 20 to 24 define on every bound function: that costs more than all else of a lone statement.
 */
export function keepScope<Arguments extends unknown[], Result>(
  callback: (...args: Arguments) => Result,
): (...args: Arguments) => Result {
  const resource = new AsyncResource("PARTYWALL");
  return (...args) => resource.runInAsyncScope(callback, undefined, ...args);
}
