import { once, type EventEmitter } from "node:events";

/** Waits until a change stream's command is answered or refused, and closes it: its events may never come. */
export async function firstCommandOf(
  client: Pick<EventEmitter, "on">,
  stream: { next(): Promise<unknown>; close(): Promise<unknown> },
): Promise<void> {
  const answered = once(client as EventEmitter, "commandSucceeded");
  // It fails when it is refused, and when it is closed.
  const failed = stream.next().then(
    () => undefined,
    (error: unknown) => error,
  );
  const fault = await Promise.race([answered.then(() => undefined), failed]);
  await stream.close();
  if (fault !== undefined) throw fault;
}
