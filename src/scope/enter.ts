import { anchor } from "./anchor.js";
import type { Scope } from "./scope.js";

// oxlint-disable-next-line typescript/unbound-method -- compared, never called
const nativeThen = Promise.prototype.then;

/**
 * Calls `fn` with `scope` current and settles what it returns inside that scope: a lazy query (an object whose
 * `then()` starts it) is started in the scope. A synchronous throw becomes a rejection.
 */
export function enter<T>(scope: Scope | undefined, fn: () => T): Promise<Awaited<T>> {
  try {
    return anchor.als.run(scope, callAndSettle, fn) as Promise<Awaited<T>>;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Calls `fn` in the scope that is current already, with the same settling as {@link enter}. */
export function stay<T>(fn: () => T): Promise<Awaited<T>> {
  try {
    return callAndSettle(fn) as Promise<Awaited<T>>;
  } catch (error) {
    return Promise.reject(error);
  }
}

function callAndSettle(fn: () => unknown): Promise<unknown> {
  return settle(fn());
}

function settle(value: unknown): Promise<unknown> {
  if (!isThenable(value)) return Promise.resolve(value);
  if (value instanceof Promise && value.then === nativeThen) return value;
  const inside = anchor.als.getStore();
  return new Promise((resolve, reject) => {
    // A driver may call back from another asynchronous context, so what a lazy query resolves to is settled
    // explicitly inside: it may be lazy itself.
    value.then((next) => {
      try {
        resolve(isThenable(next) ? anchor.als.run(inside, settle, next) : next);
      } catch (error) {
        reject(error);
      }
    }, reject);
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
