import type { TenantStatus } from "../scope/tenant.js";
import type { TenantPatch, TenantRecord } from "./record.js";

/** What a store is asked for: exactly one of id, slug and domain. */
export type StoreKey =
  | { readonly id: string }
  | { readonly slug: string }
  | { readonly domain: string };

/** One page of a listing. */
export interface StorePage {
  /** Only ids greater than this one. */
  readonly after?: string;
  /** At most so many records; 1 to 1001. */
  readonly limit: number;
  /** Only records with one of these statuses. */
  readonly status: readonly TenantStatus[];
}

/**
 * Where tenant records are kept. Every answer is checked before it is believed (see `hardenedStore`). A method that
 * cannot do its work rejects; the rejection reaches the caller as `PW_REGISTRY_UNAVAILABLE` with the cause.
 *
 * @example
 * ```ts
 * import { memoryStore, type TenantStore } from "partywall/registry";
 *
 * const store: TenantStore = memoryStore();
 * console.log(await store.find({ id: "acme" })); // undefined
 * ```
 */
export interface TenantStore {
  /** The record with exactly this id, slug or domain, in whatever status, or undefined. */
  find(key: StoreKey): Promise<TenantRecord | undefined>;
  /** Records in ascending order of the UTF-8 bytes of their id. */
  list(page: StorePage): Promise<readonly TenantRecord[]>;
  /** Adds a record, or says which unique value is taken. */
  insert(record: TenantRecord): Promise<"inserted" | "id-taken" | "slug-taken">;
  /** Changes the record if it still has `expectedVersion`, raising the version by 1. */
  update(
    id: string,
    expectedVersion: number,
    patch: TenantPatch,
  ): Promise<"updated" | "conflict" | "slug-taken" | "domain-taken">;
  /** Makes the store usable: tables and the like; idempotent. Called by `pw.ready()`. */
  init?(): Promise<void>;
  /** Closes connections. Called by `pw.close()`. */
  close?(): Promise<void>;
}

/** Tells a registry that records changed elsewhere. */
export interface RegistryInvalidation {
  /**
   * Starts listening; resolves when it listens, rejects when the first attempt fails (it goes on trying). `onHint`
   * names a tenant that may have changed; `onGap` says that hints may have been missed.
   */
  start(onHint: (tenantId: string) => void, onGap: () => void): Promise<void>;
  /** Stops listening and closes connections. */
  stop(): Promise<void>;
}

/** Order of ids in listings: by UTF-8 bytes, negative when `a` comes first. */
export function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
