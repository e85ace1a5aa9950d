import { PartywallError } from "../../errors.js";
import type { Partywall } from "../../partywall.js";
import type { TenantRecord } from "../../registry/record.js";
import type { Placement, TenantStatus } from "../../scope/tenant.js";
import { homeName } from "../../tenants/home-name.js";
import { codeOf } from "../error-report.js";
import { UsageError } from "../usage-error.js";

/**
 * The tenant that a word names: its slug or its id, or `slug:` or `id:` and then exactly that. Throws
 * `PW_TENANT_UNKNOWN`, and {@link UsageError} where the word is the slug of one tenant and the id of another.
 */
export async function findTenant(pw: Partywall, word: string): Promise<TenantRecord> {
  const [, kind, value] = /^(slug|id):(.+)$/s.exec(word) ?? [];
  if (kind === "slug") return known(await found(pw, { slug: value! }), word);
  if (kind === "id") return known(await found(pw, { id: value! }), word);
  const [bySlug, byId] = await Promise.all([found(pw, { slug: word }), found(pw, { id: word })]);
  if (bySlug !== undefined && byId !== undefined && bySlug.id !== byId.id) {
    throw new UsageError(
      `${JSON.stringify(word)} is the slug of one tenant and the id of another. Write slug:${word} or id:${word}.`,
    );
  }
  return known(bySlug ?? byId, word);
}

async function found(
  pw: Partywall,
  key: { readonly id: string } | { readonly slug: string },
): Promise<TenantRecord | undefined> {
  try {
    return await pw.tenants.get(key);
  } catch (error) {
    if (codeOf(error) === "PW_TENANT_UNKNOWN") return undefined;
    throw error;
  }
}

function known(record: TenantRecord | undefined, word: string): TenantRecord {
  if (record !== undefined) return record;
  throw new PartywallError(
    "PW_TENANT_UNKNOWN",
    `There is no tenant with the slug or id ${JSON.stringify(word)}. partywall tenant list shows those there are.`,
  );
}

/**
 * The placement that the flags of `tenant create` name; undefined where they name none. Throws {@link UsageError} for
 * flags that do not go together.
 */
export function placementOf(
  tenant: { readonly id: string; readonly slug: string },
  flags: {
    readonly strategy?: string | undefined;
    readonly server?: string | undefined;
    readonly home?: string | undefined;
    readonly secret?: string | undefined;
  },
): Placement | undefined {
  const { strategy = "row", server, home, secret } = flags;
  if (strategy !== "schema" && strategy !== "database") {
    if (home !== undefined || secret !== undefined) {
      throw new UsageError(
        "--home and --secret are for a tenant with a schema or database of its own. Add --strategy schema or --strategy database, or leave them out.",
      );
    }
    return flags.strategy === undefined && server === undefined
      ? undefined
      : { strategy: "row", ...(server !== undefined && { server }) };
  }
  return {
    strategy,
    name: home ?? homeName(tenant),
    ...(server !== undefined && { server }),
    ...(secret !== undefined && { secret }),
  };
}

/** A tenant in whatever status, for what is done after it was deleted. Throws as {@link findTenant} does. */
export async function findDeparted(pw: Partywall, word: string): Promise<TenantRecord> {
  try {
    return await findTenant(pw, word);
  } catch (error) {
    if (codeOf(error) !== "PW_TENANT_UNKNOWN") throw error;
    const [, kind, value = word] = /^(slug|id):(.+)$/s.exec(word) ?? [];
    for await (const record of pw.tenants.all({ status: "deleted" })) {
      if (kind !== "id" && record.slug === value) return record;
      if (kind !== "slug" && record.id === value) return record;
    }
    throw error;
  }
}

/** How many tenants there are in a status. */
export async function countTenants(pw: Partywall, status: TenantStatus): Promise<number> {
  let count = 0;
  let after: string | undefined;
  do {
    const page = await pw.tenants.list({
      status,
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    });
    count += page.tenants.length;
    after = page.next;
  } while (after !== undefined);
  return count;
}

/**
 * Fields from `key=value` words. A value that is JSON (`5`, `true`, `"05"`, `["a"]`) is that, any other is a text; a
 * number that would not be written the same way again stays a text too.
 * Throws {@link UsageError} for a word without a key or a key given twice.
 */
export function fieldsOf(words: readonly string[]): Record<string, unknown> {
  const entries = words.map((word) => {
    const at = word.indexOf("=");
    if (at < 1) {
      throw new UsageError("--set takes <key=value>, such as --set plan=pro; one has no key.");
    }
    return [word.slice(0, at), valueOf(word.slice(at + 1))] as const;
  });
  const keys = entries.map(([key]) => key);
  const twice = keys.find((key, at) => keys.indexOf(key) !== at);
  if (twice !== undefined) {
    throw new UsageError(`--set gives ${JSON.stringify(twice)} twice. Give it once.`);
  }
  return Object.fromEntries(entries);
}

function valueOf(text: string): unknown {
  try {
    const value = JSON.parse(text) as unknown;
    // 9007199254740993 and 1.50 are other numbers, or written otherwise, once they have been read.
    return typeof value === "number" && String(value) !== text ? text : value;
  } catch {
    // Not JSON, so it is the text it is.
    return text;
  }
}
