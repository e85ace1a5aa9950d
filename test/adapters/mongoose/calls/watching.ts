import { once, type EventEmitter } from "node:events";

/** Waits until a change stream's command is answered or refused, and closes it: its events may never come. */
export async function firstCommandOf(
  client: Pick<EventEmitter, "on">,
  stream: { next(): Promise<unknown>; close(): Promise<unknown> },
): Promise<void> {
  const answered = once(client as EventEmitter, "commandSucceeded");
  try {
    // It is refused, or waits until it is closed.
    await Promise.race([answered, stream.next()]);
  } finally {
    await stream.close();
  }
}
