import { isDeepStrictEqual } from "node:util";
import { PartywallError } from "../errors.js";
import type { TenantEntry, TenantKey } from "../scope/directory.js";
import type { TenantRecord } from "./record.js";
import type { StoreKey } from "./store.js";

/** How tenant records are cached. */
export interface CacheOptions {
  /** How long a record is believed, in milliseconds; 30 000 unless told. */
  readonly ttlMs?: number;
  /** How long the absence of a tenant is believed, in milliseconds; 2 000 unless told. */
  readonly negativeTtlMs?: number;
  /** How many tenants are kept; 10 000 unless told. */
  readonly max?: number;
}

/** What the registry knows of one tenant. */
export interface RegistryEntry extends TenantEntry {
  readonly record: TenantRecord;
}

type Load = () => Promise<RegistryEntry | undefined>;

interface Node {
  readonly entry: RegistryEntry;
  readonly expires: number;
  used: boolean;
}

/** A lookup under way, and what was invalidated since it began. */
interface Flight {
  readonly promise: Promise<RegistryEntry | undefined>;
  readonly dropped: Set<string>;
  droppedAll: boolean;
}

const MOST_DROPPED = 1000;

/**
 * Entries by id, slug and domain, with single flight and negative entries. A lookup that was under way when its tenant was
 * invalidated is not kept and not joined by later callers. When full, entries not used since the last round go
 * first (second chance).
 */
export class TenantCache {
  readonly #ttlMs: number;
  readonly #negativeTtlMs: number;
  readonly #max: number;
  readonly #byId = new Map<string, Node>();
  readonly #idOfSlug = new Map<string, string>();
  readonly #idOfDomain = new Map<string, string>();
  readonly #absent = new Map<string, number>();
  readonly #joinable = new Map<string, Flight>();
  readonly #flights = new Set<Flight>();

  constructor({ ttlMs = 30_000, negativeTtlMs = 2_000, max = 10_000 }: CacheOptions = {}) {
    if (
      ![ttlMs, negativeTtlMs].every((ms) => Number.isFinite(ms) && ms >= 0) ||
      !Number.isInteger(max) ||
      max < 1
    ) {
      throw new PartywallError(
        "PW_CONFIG",
        "createPartywall({ cache }): ttlMs and negativeTtlMs are milliseconds of at least 0, max is a whole number of at least 1.",
      );
    }
    this.#ttlMs = ttlMs;
    this.#negativeTtlMs = negativeTtlMs;
    this.#max = max;
  }

  /** The entry, if cached and fresh. */
  peek(key: TenantKey): RegistryEntry | undefined {
    const id = typeof key === "string" ? key : this.#idOf(key);
    const node = id === undefined ? undefined : this.#byId.get(id);
    // Monotonic, so that setting the clock does not lengthen anything.
    if (node === undefined || node.expires <= performance.now()) return undefined;
    node.used = true;
    return node.entry;
  }

  #idOf(key: Partial<Record<"id" | "slug" | "domain", unknown>> | null): string | undefined {
    if (key === null || typeof key !== "object") return undefined;
    const { id, slug, domain } = key;
    if (typeof id === "string") return slug === undefined && domain === undefined ? id : undefined;
    if (id !== undefined) return undefined;
    if (typeof slug === "string")
      return domain === undefined ? this.#idOfSlug.get(slug) : undefined;
    const isDomain = typeof domain === "string" && slug === undefined;
    return isDomain ? this.#idOfDomain.get(domain) : undefined;
  }

  /** The cached entry or absence, else what `load` finds; callers at the same time share one load. */
  async resolve(key: StoreKey, load: Load): Promise<RegistryEntry | undefined> {
    const cached = this.peek(key);
    if (cached !== undefined) return cached;
    const name = nameOf(key);
    if ((this.#absent.get(name) ?? 0) > performance.now()) return undefined;
    const flight = this.#joinable.get(name) ?? this.#start(name, load);
    return flight.promise;
  }

  /** What `load` finds now, whatever is cached; the cache learns it. */
  refresh(key: StoreKey, load: Load): Promise<RegistryEntry | undefined> {
    return this.#start(nameOf(key), load).promise;
  }

  /** Forgets one tenant, and every absence, since the tenant may have got another slug or domain. */
  invalidate(id: string): void {
    this.#remove(id);
    this.#absent.clear();
    for (const flight of this.#flights) {
      if (flight.dropped.size < MOST_DROPPED) flight.dropped.add(id);
      else flight.droppedAll = true;
    }
    // A lookup by slug or domain may be about this tenant; nobody knows before it ends.
    for (const name of this.#joinable.keys()) {
      if (!name.startsWith("id:") || name === nameOf({ id })) this.#joinable.delete(name);
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#byId.clear();
    this.#idOfSlug.clear();
    this.#idOfDomain.clear();
    this.#absent.clear();
    this.#joinable.clear();
    for (const flight of this.#flights) flight.droppedAll = true;
  }

  #start(name: string, load: Load): Flight {
    const flight: Flight = {
      promise: this.#fly(() => flight, name, load),
      dropped: new Set(),
      droppedAll: false,
    };
    this.#flights.add(flight);
    this.#joinable.set(name, flight);
    return flight;
  }

  async #fly(self: () => Flight, name: string, load: Load): Promise<RegistryEntry | undefined> {
    try {
      const entry = await load();
      this.#learn(self(), name, entry);
      return entry;
    } finally {
      const flight = self();
      this.#flights.delete(flight);
      if (this.#joinable.get(name) === flight) this.#joinable.delete(name);
    }
  }

  #learn({ dropped, droppedAll }: Flight, name: string, entry: RegistryEntry | undefined): void {
    if (droppedAll) return;
    if (entry === undefined) {
      if (dropped.size === 0) this.#learnAbsence(name);
      return;
    }
    const { id, slug, domains, version } = entry.record;
    if (dropped.has(id)) return;
    const node = this.#byId.get(id);
    const newer =
      node !== undefined && node.expires > performance.now() && node.entry.record.version > version;
    if (newer) return;
    this.#remove(id);
    const previousOwners = [
      this.#idOfSlug.get(slug),
      ...domains.map((domain) => this.#idOfDomain.get(domain)),
    ];
    for (const owner of previousOwners) if (owner !== undefined) this.#remove(owner);
    this.#makeRoom();
    // Kept when nothing changed, so that a scope already open for it can be told to be the same. Compared whole:
    // somebody may have edited the record by hand and left its version.
    const kept =
      node !== undefined && isDeepStrictEqual(node.entry.record, entry.record) ? node.entry : entry;
    this.#byId.set(id, { entry: kept, expires: performance.now() + this.#ttlMs, used: false });
    this.#idOfSlug.set(slug, id);
    for (const domain of domains) this.#idOfDomain.set(domain, id);
    this.#absent.delete(name);
  }

  #learnAbsence(name: string): void {
    const [oldest] = this.#absent.keys();
    if (oldest !== undefined && this.#absent.size >= this.#max) this.#absent.delete(oldest);
    this.#absent.set(name, performance.now() + this.#negativeTtlMs);
  }

  #remove(id: string): void {
    const node = this.#byId.get(id);
    if (node === undefined) return;
    this.#byId.delete(id);
    this.#idOfSlug.delete(node.entry.record.slug);
    for (const domain of node.entry.record.domains) this.#idOfDomain.delete(domain);
  }

  #makeRoom(): void {
    while (this.#byId.size >= this.#max) {
      const [id, node] = this.#byId.entries().next().value!;
      if (!node.used) {
        this.#remove(id);
        continue;
      }
      node.used = false;
      this.#byId.delete(id);
      this.#byId.set(id, node);
    }
  }
}

function nameOf(key: StoreKey): string {
  if ("id" in key) return `id:${key.id}`;
  return "slug" in key ? `slug:${key.slug}` : `domain:${key.domain}`;
}
