import { AsyncResource } from "node:async_hooks";

/** The slice of a request or response whose listeners are bound. */
export interface Emitter {
  emit(event: string | symbol, ...args: unknown[]): boolean;
}

/** The slice of `http.ServerResponse` whose life is followed. */
export interface NodeResponse extends Emitter {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  once(event: "close", listener: () => void): unknown;
}

/** Methods of a response that call back when Node.js has written something out. */
const CALLING_BACK = ["write", "end", "writeContinue", "writeProcessing", "writeEarlyHints"];

// Kept on the emitter itself: an entry of a WeakMap for each request costs the garbage collector more than the binding.
const BOUND = Symbol("partywall.bound");

interface Bindable extends Emitter {
  [BOUND]?: AsyncResource;
}

/**
 * Runs the listeners of a request and its response in the scope current here, the last one to call. Without it they
 * run where Node.js emits: body chunks on the connection, which has no scope, and the `finish` and write callbacks of
 * a pipelined response in the scope of the response before it, which may be another tenant's.
 */
export function bindToScope(req: Emitter, res: NodeResponse): void {
  const resource = new AsyncResource("PARTYWALL_REQUEST");
  bindEmit(req, resource);
  if (bindEmit(res, resource)) bindCallbacks(res);
}

/** Whether and when the response has closed: answered to the last byte, or the client gone. Call it before any await. */
export function closing(res: NodeResponse): {
  readonly closed: boolean;
  readonly done: Promise<void>;
} {
  let closed = res.closed === true || res.destroyed === true;
  const done = closed
    ? Promise.resolve()
    : new Promise<void>((resolve) => {
        res.once("close", () => {
          closed = true;
          resolve();
        });
      });
  return {
    get closed() {
      return closed;
    },
    done,
  };
}

/** Whether it was not bound before. */
function bindEmit(emitter: Bindable, resource: AsyncResource): boolean {
  const isFirst = emitter[BOUND] === undefined;
  Object.defineProperty(emitter, BOUND, { value: resource, configurable: true });
  if (!isFirst) return false;
  const emit = emitter.emit.bind(emitter);
  emitter.emit = (event, ...args) =>
    (emitter[BOUND] ?? resource).runInAsyncScope(emit, emitter, event, ...args);
  return true;
}

function bindCallbacks(res: NodeResponse): void {
  const methods = res as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;
  for (const name of CALLING_BACK) {
    const method = methods[name]?.bind(res);
    if (method === undefined) continue;
    methods[name] = (...args) => {
      const last = args.length - 1;
      const callback = args[last];
      if (typeof callback === "function") args[last] = AsyncResource.bind(callback as () => void);
      return method(...args);
    };
  }
}
