import { PartywallError } from "../errors.js";
import { outside } from "../scope/outside.js";
import type { TenantDirectory, TenantKey } from "../scope/directory.js";
import { unknownTenant } from "../scope/enterable.js";
import type { Tenant } from "../scope/tenant.js";
import { TenantCache, type CacheOptions, type RegistryEntry } from "./cache.js";
import { ChangeListeners, type TenantChange } from "./changes.js";
import { checkedFields } from "./fields.js";
import { hardenedStore } from "./hardened-store.js";
import { storeKey } from "./store-key.js";
import type { TenantRecord } from "./record.js";
import type { Settings } from "./settings.js";
import type { StandardSchemaV1 } from "./standard-schema.js";
import type { RegistryInvalidation, StoreKey, TenantStore } from "./store.js";

const PAGE = 200;

/** Looks tenants up: the hardened store, the schema of the fields, and the cache before both. */
export class Registry implements TenantDirectory {
  readonly store: Required<TenantStore>;
  readonly schema: StandardSchemaV1 | undefined;
  readonly settings: Settings;
  readonly #cache: TenantCache | undefined;
  readonly #invalidation: RegistryInvalidation | undefined;
  readonly #changes = new ChangeListeners();
  #listening: Promise<void> | undefined;
  #closed = false;

  constructor(parts: {
    readonly store: TenantStore;
    readonly schema: StandardSchemaV1 | undefined;
    readonly settings: Settings;
    readonly cache: CacheOptions | false | undefined;
    readonly invalidation: RegistryInvalidation | undefined;
  }) {
    this.store = hardenedStore(parts.store);
    this.schema = parts.schema;
    this.settings = parts.settings;
    this.#cache = parts.cache === false ? undefined : new TenantCache(parts.cache);
    this.#invalidation = parts.invalidation;
  }

  peek(key: TenantKey): RegistryEntry | undefined {
    return this.#cache?.peek(key);
  }

  async lookup(key: TenantKey): Promise<RegistryEntry> {
    const cached = this.peek(key);
    if (cached !== undefined) return known(cached);
    return known(await this.#find(storeKey(key)));
  }

  async reread(id: string): Promise<RegistryEntry> {
    const key = storeKey(id);
    const load = (): Promise<RegistryEntry | undefined> => this.#load(key);
    return known(await (this.#cache === undefined ? load() : this.#cache.refresh(key, load)));
  }

  async *activeIds(): AsyncGenerator<string> {
    let after: string | undefined;
    for (;;) {
      const page = {
        limit: PAGE,
        status: ["active"] as const,
        ...(after === undefined ? {} : { after }),
      };
      const records = await this.outsideScopes(() => this.store.list(page));
      for (const { id } of records) yield id;
      if (records.length < PAGE) return;
      after = records.at(-1)?.id;
    }
  }

  /** A record with its fields checked and the tenant the application sees; everything frozen. */
  async entryOf(record: TenantRecord): Promise<RegistryEntry> {
    const fields = await checkedFields(this.schema, record.fields, "store");
    const { id, slug, name, status, placement, domains } = record;
    const settings = await this.settings.of(record.settings, "store");
    const tenant: Tenant = Object.freeze({ id, slug, name, status, fields });
    return Object.freeze({
      record: Object.freeze({ ...record, fields }),
      tenant,
      placement,
      settings,
      domains,
    });
  }

  /** Forgets what is cached of one tenant, and tells those who listen. */
  invalidate(id: string): void {
    this.#cache?.invalidate(id);
    this.#changes.tell({ id });
  }

  /** Calls `handler` when a record may have changed, here or elsewhere; returns what ends it. */
  onChange(handler: (change: TenantChange) => void): () => void {
    const end = this.#changes.add(handler);
    if (!this.#closed) this.#listen().catch(() => undefined);
    return end;
  }

  /**
   * Calls the store outside every scope: one answer may serve several callers, so it must not depend on whose
   * scope happened to be current. Throws `PW_CONFIG` once closed.
   */
  outsideScopes<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closed) {
      return Promise.reject(
        new PartywallError(
          "PW_CONFIG",
          "This Partywall instance is closed: pw.close() was called. Create a new one.",
        ),
      );
    }
    // A failure to listen is reported by ready(); until it listens, the cache's TTL bounds what is stale.
    this.#listen().catch(() => undefined);
    return outside(call);
  }

  /** Prepares the store and waits until the invalidation listens. */
  async ready(): Promise<void> {
    await this.settings.assertDefaults();
    await this.outsideScopes(() => this.store.init());
    await this.#listen();
  }

  /** Stops listening and closes the store; collects what fails. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cache?.clear();
    const outcomes = await Promise.allSettled([this.#invalidation?.stop(), this.store.close()]);
    const faults = outcomes.flatMap((one) =>
      one.status === "rejected" ? [one.reason as unknown] : [],
    );
    if (faults.length > 0) throw new AggregateError(faults, "the registry could not be closed");
  }

  #find(key: StoreKey): Promise<RegistryEntry | undefined> {
    const load = (): Promise<RegistryEntry | undefined> => this.#load(key);
    return this.#cache === undefined ? load() : this.#cache.resolve(key, load);
  }

  async #load(key: StoreKey): Promise<RegistryEntry | undefined> {
    return this.outsideScopes(async () => {
      const record = await this.store.find(key);
      return record === undefined ? undefined : this.entryOf(record);
    });
  }

  #listen(): Promise<void> {
    const isHeard = this.#cache !== undefined || this.#changes.any;
    if (this.#invalidation === undefined || !isHeard) return Promise.resolve();
    this.#listening ??= outside(() =>
      this.#invalidation!.start(
        (id) => this.invalidate(id),
        () => {
          this.#cache?.clear();
          this.#changes.tell({});
        },
      ),
    );
    return this.#listening;
  }
}

function known(entry: RegistryEntry | undefined): RegistryEntry {
  if (entry === undefined || entry.tenant.status === "deleted") throw unknownTenant();
  return entry;
}
