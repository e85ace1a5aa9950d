import { PartywallError } from "../errors.js";
import { EachError, type EachFailure } from "../scope/each.js";
import type { ProvisionedTenant } from "./home.js";

/** How the homes of many tenants are migrated. */
export interface MigrateAllOptions {
  /** How many homes at once; 4 unless told. */
  readonly concurrency?: number;
  /** How many homes are migrated first, one after the other; where one of them fails, no further is begun. 1 unless told. */
  readonly canaries?: number;
  /** Begins no further home once aborted; those under way are waited for. */
  readonly signal?: AbortSignal;
  /** Hears of each home that has ended. */
  readonly onProgress?: (progress: MigrateProgress) => void;
}

/** One home whose migration has ended. */
export interface MigrateProgress {
  readonly tenantId: string;
  /** Why it failed; absent where it succeeded. */
  readonly error?: unknown;
  /** How many have ended, this one included. */
  readonly done: number;
}

/** Migrates every home, canaries first; see `Provisioner.migrateAll`. */
export async function migrateAll<T extends ProvisionedTenant>(
  tenants: Iterable<T> | AsyncIterable<T>,
  migrate: (tenant: T) => Promise<void>,
  options: MigrateAllOptions = {},
): Promise<{ readonly succeeded: number }> {
  const concurrency = whole("concurrency", options.concurrency ?? 4, 1);
  const canaries = whole("canaries", options.canaries ?? 1, 0);
  const failures: EachFailure[] = [];
  let begun = 0;
  let done = 0;
  const one = async (tenant: T): Promise<void> => {
    const failed = await migrate(tenant).then(
      () => undefined,
      (error: unknown) => ({ tenantId: tenant.id, error }),
    );
    if (failed !== undefined) failures.push(failed);
    done += 1;
    options.onProgress?.({ tenantId: tenant.id, done, ...(failed && { error: failed.error }) });
  };
  const stopped = (cause?: unknown) =>
    new EachError(failures, { succeeded: done - failures.length, skipped: 0 }, { cause });
  const running = new Set<Promise<void>>();
  try {
    for await (const tenant of tenants) {
      if (options.signal?.aborted) throw options.signal.reason;
      begun += 1;
      const work = one(tenant);
      if (begun <= canaries) {
        await work;
        if (failures.length > 0) break;
        continue;
      }
      const entry = work.finally(() => running.delete(entry));
      running.add(entry);
      if (running.size >= concurrency) await Promise.race(running);
    }
  } catch (cause) {
    await Promise.allSettled(running);
    throw stopped(cause);
  }
  await Promise.all(running);
  if (failures.length > 0) {
    if (begun <= canaries) throw stopped(failures[0]!.error);
    throw new EachError(failures, { succeeded: done - failures.length, skipped: 0 });
  }
  return { succeeded: done };
}

function whole(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new PartywallError(
    "PW_CONFIG",
    `migrateAll() got a \`${name}\` that is not a whole number from ${least} on.`,
  );
}
