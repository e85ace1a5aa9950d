import { PartywallError } from "../../errors.js";
import type { NativeBoss, NativeJob, Transaction } from "./native.js";

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
  // In one, or a worker that is killed in between would leave the job cancelled.
  const transaction = await begin(boss);
  const options = { db: transaction.db };
  try {
    await boss.cancel(name, { id, retryCount }, options);
    await boss.resume(name, id, options);
    await boss.update(name, undefined, { ...later, ...options });
    await transaction.commit();
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
}

/** Throws `PW_CONFIG` where pg-boss was given a database that it can open no transaction on. */
export function assertTransactions(boss: NativeBoss): void {
  if (typeof boss.getDb().beginTransaction === "function") return;
  throw new PartywallError(
    "PW_CONFIG",
    "tenantBoss() was given a pg-boss whose `db` has no beginTransaction, so a suspended tenant's job could be lost while it is put off. Let pg-boss open its own pool, or implement it.",
  );
}

async function begin(boss: NativeBoss): Promise<Transaction> {
  assertTransactions(boss);
  const db = boss.getDb() as Required<ReturnType<NativeBoss["getDb"]>>;
  return db.beginTransaction();
}
