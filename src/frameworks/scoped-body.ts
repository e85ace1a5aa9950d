import { AsyncResource } from "node:async_hooks";

/** A body that is read in the scope in which it was made, and when it has ended. */
export interface ScopedBody {
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves when the last byte was read, the reader has gone, or the source has failed. */
  readonly done: Promise<void>;
}

/**
 * Has a web stream read and cancelled in the scope current here. Without it a stream that produces its bytes when they
 * are asked for does so wherever the server asks.
 */
export function scopedBody(source: ReadableStream<Uint8Array>): ScopedBody {
  const inScope = new AsyncResource("PARTYWALL_BODY");
  const reader = source.getReader();
  let end!: () => void;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        inScope.runInAsyncScope(async () => {
          try {
            const next = await reader.read();
            if (!next.done) return controller.enqueue(next.value);
            controller.close();
          } catch (error) {
            controller.error(error);
          }
          end();
        }),
      cancel: (reason) =>
        inScope.runInAsyncScope(async () => {
          try {
            await reader.cancel(reason);
          } finally {
            end();
          }
        }),
    },
    // Nothing is read before the server asks for it.
    { highWaterMark: 0 },
  );
  return { body, done };
}
