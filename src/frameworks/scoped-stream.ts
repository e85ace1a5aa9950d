import { AsyncResource } from "node:async_hooks";

/** The slice of a Node.js stream that is bound. */
export interface NodeStream {
  emit(event: string | symbol, ...args: unknown[]): boolean;
  _read?: (size: number) => void;
  _destroy?: (error: Error | null, callback: (error?: Error | null) => void) => void;
}

/** Whether a value is a stream of Node.js. */
export function isNodeStream(value: unknown): value is NodeStream {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { pipe?: unknown }).pipe === "function" &&
    typeof (value as { emit?: unknown }).emit === "function"
  );
}

/**
 * Has a stream of Node.js read, destroyed and heard in the scope current here, for a framework that pipes it into the
 * response elsewhere.
 */
export function scopeStream(stream: NodeStream): void {
  const inScope = new AsyncResource("PARTYWALL_BODY");
  for (const name of ["emit", "_read", "_destroy"] as const) {
    const method = stream[name] as ((...args: unknown[]) => unknown) | undefined;
    if (method === undefined) continue;
    Reflect.defineProperty(stream, name, {
      configurable: true,
      writable: true,
      value: (...args: unknown[]) => inScope.runInAsyncScope(method, stream, ...args),
    });
  }
}
