import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { PartywallError } from "../errors.js";
import type { TenantKey } from "../scope/directory.js";
import { unknownTenant } from "../scope/enterable.js";
import type { Placement, TenantStatus } from "../scope/tenant.js";
import { checkedFields } from "./fields.js";
import { isPlacement } from "./hardened-store.js";
import { domainName, isName, isSlug, isTenantId } from "../scope/names.js";
import { TenantLife, type LifeFollowers } from "./life.js";
import type { TenantRecord } from "./record.js";
import type { Registry } from "./registry.js";
import { changedSettings, type SettingsPatch } from "./settings.js";
import { LIVING, STATUSES } from "./status.js";
import { conflict, invalid } from "./tenant-errors.js";

const SETTINGS_ATTEMPTS = 5;
const PLACEMENT_RULE =
  'a placement is { strategy: "row" }, or "schema" or "database" with a name and perhaps a secret, each with a server or without';

/** A tenant to create. `fields` may be left out where the schema (or its absence) accepts `{}`. */
export type NewTenant<FieldsInput = Readonly<Record<string, unknown>>> = {
  /** 1 to 200 characters without control characters; a random UUID unless told. */
  readonly id?: string;
  /** A DNS label in lower case, not used by another tenant, deleted ones included. */
  readonly slug: string;
  readonly name: string;
  /** `{ strategy: "row" }` unless told. What another names must be there; see `docs/guides/placement.md`. */
  readonly placement?: Placement;
} & ({} extends FieldsInput ? { readonly fields?: FieldsInput } : { readonly fields: FieldsInput });

/** What of a tenant can be changed; `fields` replaces all of them. */
export interface TenantChanges<FieldsInput = Readonly<Record<string, unknown>>> {
  readonly slug?: string;
  readonly name?: string;
  readonly fields?: FieldsInput;
}

/** How tenants are listed. */
export interface ListOptions {
  /** Only these; every one but the deleted unless told. */
  readonly status?: TenantStatus | readonly TenantStatus[];
  /** `next` of the page before. */
  readonly after?: string;
  /** 1 to 1000; 100 unless told. */
  readonly limit?: number;
}

/** One page of tenants, ordered by id. */
export interface TenantPage<Fields> {
  readonly tenants: readonly TenantRecord<Fields>[];
  /** Pass it as `after` for the page that follows; undefined on the last. */
  readonly next: string | undefined;
}

/**
 * The registry's records, as `pw.tenants`. Refused inside a tenant scope (`PW_SCOPE_SWITCH`), but for the settings of that very
 * tenant.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 *
 * const pw = createPartywall();
 * const acme = await pw.tenants.create({ slug: "acme", name: "Acme" });
 * await pw.tenants.suspend(acme.id);
 * await pw.tenants.restore(acme.id);
 * for await (const tenant of pw.tenants.all()) console.log(tenant.slug, tenant.status); // acme active
 * ```
 */
export class Tenants<
  Fields = Readonly<Record<string, unknown>>,
  FieldsInput = Fields,
  Settings = Readonly<Record<string, unknown>>,
  SettingsInput = Settings,
> {
  readonly #registry: Registry;
  readonly #life: TenantLife;
  readonly #assertAllowed: (own?: string) => void;

  /** @internal `assertAllowed` is told the tenant for what is open inside its own scope too. */
  constructor(registry: Registry, followers: LifeFollowers, assertAllowed: (own?: string) => void) {
    this.#registry = registry;
    this.#life = new TenantLife(registry, followers);
    this.#assertAllowed = assertAllowed;
  }

  /**
   * Records a tenant as provisioning, calls `provision` of the options, lets every guard admit it, then makes it active.
   * Where one of them fails the tenant stays provisioning, and the same call with the id of the error message resumes.
   * Throws `PW_TENANT_INVALID`, `PW_TENANT_EXISTS`, `PW_PROVISION_FAILED` or `PW_GUARD_FAILED` (retry), or
   * `PW_TENANT_CONFLICT`.
   */
  async create(tenant: NewTenant<FieldsInput>): Promise<TenantRecord<Fields>> {
    this.#assertAllowed();
    const { id = randomUUID(), slug, name, placement = { strategy: "row" } } = tenant;
    if (!isTenantId(id)) throw invalid("an id has 1 to 200 characters and no control characters");
    assertSlug(slug);
    assertName(name);
    if (!isPlacement(placement)) throw invalid(PLACEMENT_RULE);
    const now = new Date().toISOString();
    const record: TenantRecord = Object.freeze({
      id,
      slug,
      name,
      domains: Object.freeze([]),
      status: "provisioning",
      placement: Object.freeze({ ...placement }),
      fields: await checkedFields(this.#registry.schema, tenant.fields ?? {}, "caller"),
      settings: Object.freeze({}),
      version: 1,
      createdAt: now,
      updatedAt: now,
    });
    return typed(await this.#life.create(record, tenant.id !== undefined));
  }

  /** The tenant, in whatever status but deleted; a fresh cache entry will do. Throws `PW_TENANT_UNKNOWN`. */
  async get(key: TenantKey): Promise<TenantRecord<Fields>> {
    this.#assertAllowed();
    return typed((await this.#registry.lookup(key)).record);
  }

  /** The tenant, in whatever status but deleted, or undefined; a fresh cache entry will do. */
  async find(key: TenantKey): Promise<TenantRecord<Fields> | undefined> {
    this.#assertAllowed();
    try {
      return typed((await this.#registry.lookup(key)).record);
    } catch (error) {
      if (error instanceof PartywallError && error.code === "PW_TENANT_UNKNOWN") return undefined;
      throw error;
    }
  }

  /** One page of tenants. Throws `PW_TENANT_INVALID` for a limit, status or position that cannot be. */
  async list(options: ListOptions = {}): Promise<TenantPage<Fields>> {
    this.#assertAllowed();
    const { after, limit = 100 } = options;
    const status =
      typeof options.status === "string" ? [options.status] : (options.status ?? LIVING);
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
      throw invalid("list({ limit }) must be a whole number from 1 to 1000");
    }
    if (!status.every((one) => STATUSES.includes(one)))
      throw invalid(`a status is one of ${STATUSES.join(", ")}`);
    if (after !== undefined && !isTenantId(after))
      throw invalid("list({ after }) must be the next of a page before");
    // One more than asked for tells whether a page follows.
    const page = { limit: limit + 1, status, ...(after === undefined ? {} : { after }) };
    const records = await this.#registry.outsideScopes(() => this.#registry.store.list(page));
    const shown = await Promise.all(
      records.slice(0, limit).map((record) => this.#registry.entryOf(record)),
    );
    return {
      tenants: shown.map(({ record }) => typed<Fields>(record)),
      next: records.length > limit ? shown.at(-1)?.record.id : undefined,
    };
  }

  /** Every tenant, read page by page as it is consumed. */
  async *all(
    options: Pick<ListOptions, "status"> = {},
  ): AsyncGenerator<TenantRecord<Fields>, void, void> {
    let after: string | undefined;
    do {
      const page = await this.list({ ...options, ...(after === undefined ? {} : { after }) });
      yield* page.tenants;
      after = page.next;
    } while (after !== undefined);
  }

  /**
   * Changes name, slug or fields. Throws `PW_TENANT_UNKNOWN`, `PW_TENANT_EXISTS` for a slug in use, and
   * `PW_TENANT_CONFLICT` when somebody else changed the tenant meanwhile.
   */
  async update(id: string, changes: TenantChanges<FieldsInput>): Promise<TenantRecord<Fields>> {
    this.#assertAllowed();
    const { slug, name, fields } = changes;
    if (slug !== undefined) assertSlug(slug);
    if (name !== undefined) assertName(name);
    const patch = {
      ...(slug === undefined ? {} : { slug }),
      ...(name === undefined ? {} : { name }),
      ...(fields === undefined
        ? {}
        : { fields: await checkedFields(this.#registry.schema, fields, "caller") }),
    };
    const record = await this.#life.read(id);
    if (record.status === "deleted") throw unknownTenant();
    const changed = await this.#life.change(record, patch);
    if (changed === undefined) throw conflict(id);
    return typed(changed);
  }

  /**
   * Gives the tenant a domain of its own, by which `domain()` finds it; nothing is done where it has it already. Whether
   * the domain is really the tenant's is the caller's to prove before, for example by a DNS record. Throws
   * `PW_TENANT_INVALID` for what is no domain of two labels or more, `PW_TENANT_EXISTS` for another tenant's,
   * `PW_TENANT_UNKNOWN`, and `PW_TENANT_CONFLICT` when somebody else changed the tenant meanwhile.
   */
  async addDomain(id: string, domain: string): Promise<TenantRecord<Fields>> {
    return this.#changeDomains(id, domain, (domains, name) => [...domains, name]);
  }

  /** Takes a domain from the tenant; nothing is done where it has it not. Throws as `addDomain` does. */
  async removeDomain(id: string, domain: string): Promise<TenantRecord<Fields>> {
    return this.#changeDomains(id, domain, (domains, name) =>
      domains.filter((one) => one !== name),
    );
  }

  async #changeDomains(
    id: string,
    domain: string,
    change: (domains: readonly string[], name: string) => readonly string[],
  ): Promise<TenantRecord<Fields>> {
    this.#assertAllowed();
    const name = domainName(domain);
    if (name === undefined) {
      throw invalid(
        "a domain has two labels or more, and neither scheme, port nor path; it is no IP address",
      );
    }
    const record = await this.#life.read(id);
    if (record.status === "deleted") throw unknownTenant();
    const domains = Object.freeze([...new Set(change(record.domains, name))].toSorted());
    if (isDeepStrictEqual(domains, record.domains)) return typed(record);
    const changed = await this.#life.change(record, { domains });
    if (changed === undefined) throw conflict(id);
    return typed(changed);
  }

  /**
   * The tenant's settings, the defaults among them; a fresh cache entry will do. Throws `PW_TENANT_UNKNOWN`, and
   * `PW_SCOPE_SWITCH` inside another tenant's scope.
   */
  async settings(id: string): Promise<Settings> {
    this.#assertAllowed(id);
    return (await this.#registry.lookup({ id })).settings as Settings;
  }

  /**
   * Changes the settings named in `patch`, each as a whole; `undefined` gives one its default again. Returns the settings that
   * follow, which scopes opened from now on have. Throws `PW_TENANT_INVALID` for what the schema refuses,
   * `PW_TENANT_UNKNOWN`, `PW_TENANT_CONFLICT` when others kept changing the tenant, and `PW_SCOPE_SWITCH` inside another
   * tenant's scope.
   */
  async updateSettings(id: string, patch: SettingsPatch<SettingsInput>): Promise<Settings> {
    this.#assertAllowed(id);
    for (let attempt = 0; attempt < SETTINGS_ATTEMPTS; attempt += 1) {
      // oxlint-disable-next-line no-await-in-loop -- each attempt begins with the record as it is by then
      const record = await this.#life.read(id);
      if (record.status === "deleted") throw unknownTenant();
      const own = changedSettings(record.settings, patch);
      // oxlint-disable-next-line no-await-in-loop -- see above
      const settings = (await this.#registry.settings.of(own, "caller")) as Settings;
      if (isDeepStrictEqual(own, record.settings)) return settings;
      // oxlint-disable-next-line no-await-in-loop -- see above
      if ((await this.#life.change(record, { settings: own })) !== undefined) return settings;
    }
    throw conflict(id);
  }

  /**
   * Records that a tenant's rows are at another place now; moves nothing, and is what a mover calls last. Throws
   * `PW_TENANT_INVALID` for what is no placement, `PW_TENANT_UNKNOWN`, and `PW_TENANT_CONFLICT` when the tenant is not at
   * `from` any more, or was changed meanwhile.
   */
  async relocate(id: string, from: Placement, to: Placement): Promise<TenantRecord<Fields>> {
    this.#assertAllowed();
    if (!isPlacement(to)) throw invalid(PLACEMENT_RULE);
    const record = await this.#life.read(id);
    if (record.status === "deleted") throw unknownTenant();
    if (isDeepStrictEqual(record.placement, to)) return typed(record);
    if (!isDeepStrictEqual(record.placement, from)) throw conflict(id);
    const changed = await this.#life.change(record, { placement: Object.freeze({ ...to }) });
    if (changed === undefined) throw conflict(id);
    return typed(changed);
  }

  /** Shuts the tenant out: the registry first, then the cache, then every guard. Repeat it if a guard fails. */
  async suspend(id: string): Promise<TenantRecord<Fields>> {
    this.#assertAllowed();
    return typed(await this.#life.shutOut("suspended", id, "pw.tenants.suspend()"));
  }

  /** Lets a suspended tenant in again: every guard first, then the registry. Repeat it if a guard fails. */
  async restore(id: string): Promise<TenantRecord<Fields>> {
    this.#assertAllowed();
    return typed(await this.#life.restore(id));
  }

  /** Marks the tenant deleted and shuts it out for good. Its rows and record stay, and its slug stays reserved. */
  async delete(id: string): Promise<void> {
    this.#assertAllowed();
    await this.#life.shutOut("deleted", id, "pw.tenants.delete()");
  }
}

/** The fields have passed the schema that gives them their type. */
function typed<Fields>(record: TenantRecord): TenantRecord<Fields> {
  return record as TenantRecord<Fields>;
}

function assertSlug(slug: unknown): void {
  if (!isSlug(slug)) throw invalid("a slug is 1 to 63 of a-z, 0-9 and inner dashes");
}

function assertName(name: unknown): void {
  if (!isName(name))
    throw invalid("a name has 1 to 200 characters, not only blanks, and no control characters");
}
