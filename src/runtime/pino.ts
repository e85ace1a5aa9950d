import { PartywallError } from "../errors.js";
import type { Scope } from "../scope/scope.js";

/** The part of a Partywall instance that logging uses; what `createPartywall` returns fits. */
export interface LoggingHost {
  scope(): Scope | undefined;
}

/** How {@link tenantLogging} names the scope. */
export interface TenantLoggingOptions {
  /** Name of the property that holds the tenant's `id` and `slug`; default `"tenant"`. */
  readonly key?: string;
  /** What of who is acting stands in the line, as `principal`; nothing unless told. What it throws is left out. */
  readonly principal?: (principal: unknown) => unknown;
  /** A mixin of the application's own, whose properties come first. */
  readonly mixin?: (mergeObject: object, level: number, logger: never) => object;
}

/** Options of `pino` that name the tenant on each line. */
export interface TenantLogging {
  readonly mixin: (mergeObject: object, level: number, logger: unknown) => object;
  readonly mixinMergeStrategy: (mergeObject: object, mixinObject: object) => object;
}

/**
 * Options for `pino` that put the current tenant on each line, of child loggers too: `"tenant":{"id","slug"}` in a tenant's
 * scope, `"scope":"central"` or `"scope":"system"` in those, nothing outside. What is logged cannot pass for another tenant's:
 * the scope's own properties win. It never throws while logging.
 *
 * Throws `PW_CONFIG` for options it does not know.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { tenantLogging } from "partywall/runtime/pino";
 * import { pino } from "pino";
 *
 * const pw = createPartywall();
 * const acme = await pw.tenants.create({ slug: "acme", name: "Acme" });
 * export const log = pino(tenantLogging(pw));
 * await pw.run(acme.id, () => log.info("order placed")); // {…,"tenant":{"id":"…","slug":"acme"},"msg":"order placed"}
 * ```
 */
export function tenantLogging(
  host: LoggingHost,
  options: TenantLoggingOptions = {},
): TenantLogging {
  const { key = "tenant", principal, mixin } = options;
  for (const name of Object.keys(options))
    if (!["key", "principal", "mixin"].includes(name))
      throw new PartywallError(
        "PW_CONFIG",
        `tenantLogging() does not know the option ${JSON.stringify(name)}. It knows key, principal and mixin.`,
      );
  // What of a mixin's object is the scope's, over which nothing that is logged stands.
  const scopeOf = new WeakMap<object, object>();
  return Object.freeze<TenantLogging>({
    mixin: (mergeObject, level, logger) => {
      const scope = describe(host, key, principal);
      const own = mixin?.(mergeObject, level, logger as never);
      const fields = { ...own, ...scope };
      scopeOf.set(fields, scope);
      return fields;
    },
    mixinMergeStrategy: (mergeObject, mixinObject) => ({
      ...mixinObject,
      ...mergeObject,
      ...scopeOf.get(mixinObject),
    }),
  });
}

function describe(
  host: LoggingHost,
  key: string,
  principal: TenantLoggingOptions["principal"],
): object {
  let scope: Scope | undefined;
  try {
    scope = host.scope();
  } catch {
    // A line that cannot be attributed is written all the same, and says so.
    return { scope: "unknown" };
  }
  if (scope === undefined) return {};
  return {
    ...(scope.kind === "tenant"
      ? { [key]: { id: scope.tenant.id, slug: scope.tenant.slug } }
      : { scope: scope.kind }),
    ...acting(scope, principal),
  };
}

function acting(scope: Scope, principal: TenantLoggingOptions["principal"]): object {
  if (principal === undefined || scope.principal === undefined) return {};
  try {
    const told = principal(scope.principal);
    return told === undefined ? {} : { principal: told };
  } catch {
    return {};
  }
}
