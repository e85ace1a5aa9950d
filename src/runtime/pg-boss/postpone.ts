import type { NativeBoss, NativeJob } from "./native.js";

/**
 * Gives a job back to its queue, to be fetched again later and without an attempt spent: what fetching it again will count is added to
 * what it may be retried. The claim is fenced, so that a job which has expired meanwhile is left to whom has it.
 */
export async function postpone(
  boss: NativeBoss,
  { id, name, retryCount, retryLimit }: NativeJob,
  seconds: number,
): Promise<void> {
  const later = { id, startAfter: seconds, retryLimit: retryLimit + 1 };
  // A database of the application's own need not know transactions; then a worker that is killed between leaves the job cancelled.
  const transaction = await boss.getDb().beginTransaction?.();
  const options = transaction === undefined ? {} : { db: transaction.db };
  try {
    await boss.cancel(name, { id, retryCount }, options);
    await boss.resume(name, id, options);
    await boss.update(name, undefined, { ...later, ...options });
    await transaction?.commit();
  } catch (error) {
    await transaction?.rollback();
    throw error;
  }
}
