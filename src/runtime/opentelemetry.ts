import { PartywallError } from "../errors.js";
import type { Scope } from "../scope/scope.js";
import { BoundedNames } from "./opentelemetry/bounded-names.js";

/** The part of a Partywall instance that telemetry uses; what `createPartywall` returns fits. */
export interface TelemetryHost {
  scope(): Scope | undefined;
}

/** Name of the attribute and of the baggage entry that hold the tenant's id. */
export const TENANT_ID = "tenant.id";
/** Name of the attribute that says `"central"` or `"system"` of a span that belongs to no tenant. */
const SCOPE = "partywall.scope";

/** The slice of a span that is written. */
export interface TelemetrySpan {
  setAttribute(key: string, value: string): unknown;
}

/** A span processor, as `@opentelemetry/sdk-trace-base` takes it. */
export interface TenantSpanProcessor {
  onStart(span: TelemetrySpan, parentContext: unknown): void;
  onEnd(span: unknown): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * A span processor that puts the current tenant's id on each span that is started in its scope, as `tenant.id`, and
 * `partywall.scope` on those of central and system scopes. It exports nothing; place it beside the ones that do.
 *
 * @example
 * ```ts
 * import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
 * import { createPartywall } from "partywall";
 * import { tenantSpans } from "partywall/runtime/opentelemetry";
 *
 * const pw = createPartywall();
 * export const provider = new BasicTracerProvider({
 *   spanProcessors: [tenantSpans(pw), new SimpleSpanProcessor(new ConsoleSpanExporter())],
 * });
 * ```
 */
export function tenantSpans(host: TelemetryHost): TenantSpanProcessor {
  return Object.freeze<TenantSpanProcessor>({
    onStart: (span) => {
      const scope = host.scope();
      if (scope?.kind === "tenant") span.setAttribute(TENANT_ID, scope.tenant.id);
      else if (scope !== undefined) span.setAttribute(SCOPE, scope.kind);
    },
    onEnd: () => undefined,
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  });
}

/** The slice of a baggage that is used. */
interface Baggage<Self> {
  setEntry(key: string, entry: { value: string }): Self;
  removeEntry(key: string): Self;
}

/** The slice of `propagation` of `@opentelemetry/api` that is used. */
export interface BaggageApi<Context, Bag extends Baggage<Bag>> {
  getBaggage(context: Context): Bag | undefined;
  setBaggage(context: Context, baggage: Bag): Context;
  createBaggage(): Bag;
}

/** A propagator, as `@opentelemetry/api` has it. */
export interface Propagator<Context> {
  inject(context: Context, carrier: unknown, setter: never): void;
  extract(context: Context, carrier: unknown, getter: never): Context;
  fields(): string[];
}

/** How {@link tenantBaggage} sends. */
export interface TenantBaggageOptions<Context, Bag extends Baggage<Bag>> {
  /** `propagation` of `@opentelemetry/api`. */
  readonly propagation: BaggageApi<Context, Bag>;
  /** Writes and reads baggage: `new W3CBaggagePropagator()` of `@opentelemetry/core`, alone or in a composite. */
  readonly propagator: Propagator<Context>;
  /** Whether calls to others tell the tenant's id; default `true`. */
  readonly send?: boolean;
}

/**
 * A propagator that tells the current tenant's id to those who are called, as the baggage entry `tenant.id`
 * (W3C Baggage). What comes in is information only: it opens no scope, and is not handed on as the tenant of this process.
 *
 * @example
 * ```ts
 * import { propagation } from "@opentelemetry/api";
 * import type { TextMapPropagator } from "@opentelemetry/api";
 * import { createPartywall } from "partywall";
 * import { tenantBaggage } from "partywall/runtime/opentelemetry";
 *
 * const pw = createPartywall();
 * export const wire = (w3cBaggage: TextMapPropagator) =>
 *   propagation.setGlobalPropagator(tenantBaggage(pw, { propagation, propagator: w3cBaggage }));
 * ```
 */
export function tenantBaggage<Context, Bag extends Baggage<Bag>>(
  host: TelemetryHost,
  options: TenantBaggageOptions<Context, Bag>,
): Propagator<Context> {
  const { propagation, propagator, send = true } = options;
  return Object.freeze<Propagator<Context>>({
    inject: (context, carrier, setter) => {
      const scope = host.scope();
      const baggage = propagation.getBaggage(context);
      if (send && scope?.kind === "tenant") {
        const named = (baggage ?? propagation.createBaggage()).setEntry(TENANT_ID, {
          value: scope.tenant.id,
        });
        propagator.inject(propagation.setBaggage(context, named), carrier, setter);
        return;
      }
      // What a caller claimed would otherwise travel on as if it were said here.
      const without =
        baggage === undefined
          ? context
          : propagation.setBaggage(context, baggage.removeEntry(TENANT_ID));
      propagator.inject(without, carrier, setter);
    },
    extract: (context, carrier, getter) => propagator.extract(context, carrier, getter),
    fields: () => propagator.fields(),
  });
}

/** Which tenants {@link tenantMetrics} names. */
export interface TenantMetricsOptions {
  /** How many tenants are named at most, for as long as the process lives; default 100. */
  readonly most?: number;
  /** How often a tenant must have been measured before it is named, so that the busy ones get the places; default 1. */
  readonly after?: number;
  /** Ids of tenants that are named from the first, in places of their own. */
  readonly always?: readonly string[];
}

/**
 * A function that gives the attributes of a measurement: `tenant.id` of the current tenant for a bounded number of them,
 * `"other"` for the rest, and nothing where no tenant is current. A place once given is never given again, since a series
 * stays in the SDK's memory and in what it reports to.
 *
 * Throws `PW_CONFIG` for numbers that are not whole.
 *
 * @example
 * ```ts
 * import { metrics } from "@opentelemetry/api";
 * import { createPartywall } from "partywall";
 * import { tenantMetrics } from "partywall/runtime/opentelemetry";
 *
 * const pw = createPartywall();
 * const tenant = tenantMetrics(pw, { most: 50, after: 100 });
 * const orders = metrics.getMeter("shop").createCounter("orders");
 * export const count = () => orders.add(1, tenant());
 * ```
 */
export function tenantMetrics(
  host: TelemetryHost,
  options: TenantMetricsOptions = {},
): () => Record<string, string> {
  const { most = 100, after = 1, always = [] } = options;
  for (const [name, value] of Object.entries({ most, after }))
    if (!Number.isSafeInteger(value) || value < 0)
      throw new PartywallError(
        "PW_CONFIG",
        `tenantMetrics() got a ${name} that is not a whole number from 0 on.`,
      );
  const names = new BoundedNames({ most, after, always });
  return () => {
    const scope = host.scope();
    return scope?.kind === "tenant" ? { [TENANT_ID]: names.nameOf(scope.tenant.id) } : {};
  };
}
