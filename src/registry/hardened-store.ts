import { PartywallError } from "../errors.js";
import type { Placement } from "../scope/tenant.js";
import { frozenJson } from "../scope/frozen.js";
import { domainName, isName, isSlug, isTenantId } from "../scope/names.js";
import type { TenantRecord } from "./record.js";
import { STATUSES } from "./status.js";
import { compareIds, type StoreKey, type StorePage, type TenantStore } from "./store.js";

const ISO_UTC = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const INSERTED = ["inserted", "id-taken", "slug-taken"] as const;
const UPDATED = ["updated", "conflict", "slug-taken", "domain-taken"] as const;

/**
 * Wraps a store so that nothing it answers is believed unchecked: another tenant than the one asked for, a
 * malformed record, a page with repeats, in the wrong order or not advancing throw `PW_REGISTRY_CONTRACT`; its own
 * failures become `PW_REGISTRY_UNAVAILABLE` with the cause. Records are copied and frozen, so that a store that
 * changes one later changes nothing. `createPartywall` wraps its store itself.
 *
 * @example
 * ```ts
 * import { hardenedStore, memoryStore } from "partywall/registry";
 *
 * const store = hardenedStore(memoryStore());
 * console.log(await store.list({ limit: 10, status: ["active"] })); // []
 * ```
 */
export function hardenedStore(store: TenantStore): Required<TenantStore> {
  return {
    async find(key) {
      const answer = await asked("find", () => store.find(key));
      if (answer === undefined || answer === null) return undefined;
      const record = examined(() => checkedRecord(answer));
      if (!isTheOneAskedFor(record, key))
        throw broken("find() returned another tenant than the one asked for");
      return record;
    },
    async list(page) {
      const answer = await asked("list", () => store.list(page));
      return examined(() => checkedPage(answer, page));
    },
    async insert(record) {
      return oneOf(INSERTED, await asked("insert", () => store.insert(record)), "insert");
    },
    async update(id, expectedVersion, patch) {
      return oneOf(
        UPDATED,
        await asked("update", () => store.update(id, expectedVersion, patch)),
        "update",
      );
    },
    async init() {
      await asked("init", async () => store.init?.());
    },
    async close() {
      await asked("close", async () => store.close?.());
    },
  };
}

async function asked(method: string, call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof PartywallError) throw cause;
    throw new PartywallError(
      "PW_REGISTRY_UNAVAILABLE",
      `The tenant store failed in ${method}(), so no tenant could be looked up or changed. See cause.`,
      { cause },
    );
  }
}

/** Looks at an answer, whose getters and proxies may throw. */
function examined<T>(look: () => T): T {
  try {
    return look();
  } catch (cause) {
    if (cause instanceof PartywallError) throw cause;
    throw broken("an answer could not be read", cause);
  }
}

function isTheOneAskedFor(record: TenantRecord, key: StoreKey): boolean {
  if ("id" in key) return record.id === key.id;
  return "slug" in key ? record.slug === key.slug : record.domains.includes(key.domain);
}

function checkedPage(
  answer: unknown,
  { after, limit, status }: StorePage,
): readonly TenantRecord[] {
  if (!Array.isArray(answer)) throw broken("list() did not return an array");
  if (answer.length > limit) throw broken("list() returned more records than the limit");
  const records = Array.from(answer as unknown[], checkedRecord);
  let previous = after;
  for (const record of records) {
    if (previous !== undefined && compareIds(record.id, previous) <= 0) {
      throw broken("list() repeated a record or returned them out of order");
    }
    if (!status.includes(record.status))
      throw broken("list() returned a record in a status not asked for");
    previous = record.id;
  }
  return records;
}

function checkedRecord(answer: unknown): TenantRecord {
  const record = read(answer);
  const wrong = WRONG.find(([, holds]) => !holds(record));
  if (wrong !== undefined) throw broken(`a record has no valid ${wrong[0]}`);
  return Object.freeze(record) as unknown as TenantRecord;
}

/** Reads every property once, in case reading changes it. */
function read(answer: unknown): Record<string, unknown> {
  if (typeof answer !== "object" || answer === null) throw new TypeError("not an object");
  const { id, slug, name, domains, status, version, createdAt, updatedAt, placement, fields } =
    answer as Record<string, unknown>;
  const { settings = {} } = answer as Record<string, unknown>;
  return {
    id,
    slug,
    name,
    // A store that knows of none need not say so.
    domains: Object.freeze(Array.isArray(domains) ? [...(domains as unknown[])] : (domains ?? [])),
    status,
    placement: frozenJson(placement, "placement"),
    fields: frozenJson(fields, "fields"),
    settings: frozenJson(settings, "settings"),
    version,
    createdAt,
    updatedAt,
  };
}

type Check = readonly [property: string, holds: (record: Record<string, unknown>) => boolean];

const WRONG: readonly Check[] = [
  ["id", ({ id }) => isTenantId(id)],
  ["slug", ({ slug }) => isSlug(slug)],
  ["name", ({ name }) => isName(name)],
  ["domains", ({ domains }) => areDomains(domains)],
  ["status", ({ status }) => (STATUSES as readonly unknown[]).includes(status)],
  ["placement", ({ placement }) => isPlacement(placement)],
  ["fields", ({ fields }) => isObject(fields)],
  ["settings", ({ settings }) => isObject(settings)],
  ["version", ({ version }) => Number.isSafeInteger(version) && (version as number) >= 1],
  ["createdAt", ({ createdAt }) => isInstant(createdAt)],
  ["updatedAt", ({ updatedAt }) => isInstant(updatedAt)],
];

/** Whether a value is a placement: a known strategy, the names that go with it, and nothing else. */
export function isPlacement(value: unknown): value is Placement {
  if (!isObject(value)) return false;
  const { strategy, server, name, secret, ...rest } = value;
  const isOwn = strategy === "schema" || strategy === "database";
  return (
    (isOwn || strategy === "row") &&
    (server === undefined || isName(server)) &&
    (isOwn ? isName(name) : name === undefined) &&
    (secret === undefined || (isOwn && isName(secret))) &&
    Object.keys(rest).length === 0
  );
}

function areDomains(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (one, at) => domainName(one) === one && (at === 0 || (value[at - 1] as string) < one),
    )
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isInstant(value: unknown): boolean {
  return typeof value === "string" && ISO_UTC.test(value) && !Number.isNaN(Date.parse(value));
}

function oneOf<const T extends string>(known: readonly T[], answer: unknown, method: string): T {
  const found = known.find((one) => one === answer);
  if (found === undefined)
    throw broken(`${method}() returned something else than ${known.join(", ")}`);
  return found;
}

function broken(what: string, cause?: unknown): PartywallError {
  return new PartywallError(
    "PW_REGISTRY_CONTRACT",
    `The tenant store broke its contract: ${what}. Nothing was entered. Correct the store's implementation.`,
    cause === undefined ? undefined : { cause },
  );
}
