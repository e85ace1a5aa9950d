import { context, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CBaggagePropagator } from "@opentelemetry/core";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { setTimeout as sleep } from "node:timers/promises";
import { tenantBaggage, tenantMetrics, tenantSpans } from "partywall/runtime/opentelemetry";
import type { TenantMetricsOptions } from "partywall/runtime/opentelemetry";
import { describe, expect, it, onTestFinished } from "vitest";
import { threeTenants, where } from "../../frameworks/instance.js";

async function tracing() {
  const pw = await threeTenants();
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [tenantSpans(pw), new SimpleSpanProcessor(exporter)],
  });
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  onTestFinished(async () => {
    context.disable();
    await provider.shutdown();
  });
  const attributes = () =>
    exporter.getFinishedSpans().map((span) => [span.name, span.attributes] as const);
  return { pw, tracer: provider.getTracer("test"), attributes };
}

describe("opentelemetry: spans", () => {
  it("carry the tenant in whose scope they are started, nested and interleaved", async () => {
    const { pw, tracer, attributes } = await tracing();
    const work = (tenant: string) =>
      pw.run({ slug: tenant }, () =>
        tracer.startActiveSpan(tenant, async (outer) => {
          await sleep(Math.random() * 5);
          tracer.startActiveSpan(tenant, (inner) => inner.end());
          outer.end();
        }),
      );
    await Promise.all(
      Array.from({ length: 40 }, (_, at) => work(at % 2 === 0 ? "acme" : "globex")),
    );
    expect(attributes()).toHaveLength(80);
    for (const [name, found] of attributes()) expect(found).toEqual({ "tenant.id": `t-${name}` });
  });

  it("name central and system scopes, and nothing outside", async () => {
    const { pw, tracer, attributes } = await tracing();
    tracer.startSpan("outside").end();
    await pw.central(() => tracer.startSpan("central").end());
    await pw.system({ reason: "a report" }, () => tracer.startSpan("system").end());
    expect(attributes()).toEqual([
      ["outside", {}],
      ["central", { "partywall.scope": "central" }],
      ["system", { "partywall.scope": "system" }],
    ]);
  });

  it("are not another tenant's because of what they were started with, or of the span above", async () => {
    const { pw, tracer, attributes } = await tracing();
    const above = await pw.run("t-globex", () => tracer.startSpan("above"));
    await pw.run("t-acme", () =>
      tracer
        .startSpan(
          "below",
          { attributes: { "tenant.id": "t-globex" } },
          trace.setSpan(ROOT_CONTEXT, above),
        )
        .end(),
    );
    expect(attributes()).toEqual([["below", { "tenant.id": "t-acme" }]]);
  });
});

describe("opentelemetry: baggage", () => {
  type Carrier = Record<string, string>;
  const setter = { set: (carrier: Carrier, key: string, value: string) => (carrier[key] = value) };
  const getter = {
    keys: (carrier: Carrier) => Object.keys(carrier),
    get: (carrier: Carrier, key: string) => carrier[key],
  };

  async function propagating(send?: boolean) {
    const pw = await threeTenants();
    const propagator = tenantBaggage(pw, {
      propagation,
      propagator: new W3CBaggagePropagator(),
      ...(send === undefined ? {} : { send }),
    });
    expect(propagation.setGlobalPropagator(propagator)).toBe(true);
    onTestFinished(() => propagation.disable());
    const outgoing = (from = ROOT_CONTEXT) => {
      const carrier: Carrier = {};
      propagation.inject(from, carrier, setter);
      return carrier["baggage"];
    };
    const incoming = (baggage: string) => propagation.extract(ROOT_CONTEXT, { baggage }, getter);
    return { pw, outgoing, incoming };
  }

  it("tells the tenant of the scope to who is called, beside what else there is", async () => {
    const { pw, outgoing, incoming } = await propagating();
    expect(await pw.run("t-acme", () => outgoing())).toBe("tenant.id=t-acme");
    expect(await pw.run("t-acme", () => outgoing(incoming("user=ada")))).toBe(
      "user=ada,tenant.id=t-acme",
    );
    expect(outgoing()).toBeUndefined();
    expect(await pw.central(() => outgoing())).toBeUndefined();
  });

  it("what comes in opens no scope, marks no span and does not travel on as said here", async () => {
    const { pw, outgoing, incoming } = await propagating();
    const { tracer, attributes } = await tracing();
    const forged = incoming("tenant.id=t-globex,user=ada");
    expect(propagation.getBaggage(forged)?.getEntry("tenant.id")?.value).toBe("t-globex");
    context.with(forged, () => {
      expect(where(pw)).toBe("PW_NO_SCOPE");
      tracer.startSpan("forged").end();
    });
    expect(attributes()).toEqual([["forged", {}]]);
    expect(outgoing(forged)).toBe("user=ada");
    expect(await pw.run("t-acme", () => outgoing(forged))).toBe("tenant.id=t-acme,user=ada");
  });

  it("can be kept from telling", async () => {
    const { pw, outgoing, incoming } = await propagating(false);
    const forged = incoming("tenant.id=t-globex,user=ada");
    expect(await pw.run("t-acme", () => outgoing(forged))).toBe("user=ada");
  });
});

describe("opentelemetry: metrics", () => {
  async function measuring(options: TenantMetricsOptions) {
    const pw = await threeTenants();
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({ readers: [reader] });
    onTestFinished(() => provider.shutdown());
    const counter = provider.getMeter("test").createCounter("orders");
    const tenant = tenantMetrics(pw, options);
    const count = (id: string) => pw.run(id, () => counter.add(1, tenant()));
    const series = async () => {
      await provider.forceFlush();
      const points = exporter.getMetrics().at(-1)?.scopeMetrics[0]?.metrics[0]?.dataPoints ?? [];
      return Object.fromEntries(
        points.map(({ attributes, value }) => [String(attributes["tenant.id"]), value]),
      );
    };
    return { pw, counter, tenant, count, series };
  }

  it("name a bounded number of tenants, however many there are, and count all", async () => {
    const { pw, count, series } = await measuring({ most: 3 });
    for (let at = 0; at < 50; at += 1)
      // oxlint-disable-next-line no-await-in-loop -- in memory
      await pw.tenants.create({ id: `n${at}`, slug: `n${at}`, name: "N" });
    for (let round = 0; round < 2; round += 1)
      // oxlint-disable-next-line no-await-in-loop -- in order
      for (let at = 0; at < 50; at += 1) await count(`n${at}`);
    expect(await series()).toEqual({ n0: 2, n1: 2, n2: 2, other: 94 });
  });

  it("give the places to the busy ones, and to those who always have one", async () => {
    const { pw, count, series } = await measuring({ most: 1, after: 3, always: ["t-globex"] });
    await pw.tenants.create({ id: "other", slug: "other", name: "Other" });
    await pw.tenants.create({ id: "quiet", slug: "quiet", name: "Quiet" });
    for (const id of [
      "quiet",
      "t-acme",
      "other",
      "t-acme",
      "other",
      "other",
      "t-acme",
      "quiet",
      "t-globex",
      "quiet",
    ])
      // oxlint-disable-next-line no-await-in-loop -- in order
      await count(id);
    expect(await series()).toEqual({ "t-acme": 1, "t-globex": 1, other: 8 });
  });

  it("name nobody outside a tenant's scope, and want whole numbers", async () => {
    const { pw, tenant } = await measuring({});
    expect(tenant()).toEqual({});
    expect(await pw.central(() => tenant())).toEqual({});
    expect(() => tenantMetrics(pw, { most: 1.5 })).toThrow(
      expect.objectContaining({ code: "PW_CONFIG" }),
    );
  });
});
