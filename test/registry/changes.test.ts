import { randomUUID } from "node:crypto";
import {
  createPartywall,
  type Partywall,
  type PartywallOptions,
  type TenantChange,
} from "partywall";
import { postgresInvalidation, postgresStore } from "partywall/registry";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { describeEngine } from "../support/engine.js";
import { testDatabase, withClient, type TestDatabase } from "../support/postgres.js";

function open(options: PartywallOptions = {}): Partywall {
  const pw = createPartywall({ realm: randomUUID(), ...options });
  onTestFinished(() => pw.close());
  return pw;
}

describe("changes of a tenant's record", () => {
  it("are told with the tenant's id, in no scope, when the new record can be read", async () => {
    const pw = open();
    const told: string[] = [];
    pw.on("tenantChanged", ({ id = "any" }) => {
      told.push(`${id} ${pw.scope()?.kind ?? "no scope"}`);
    });
    const statuses: unknown[] = [];
    pw.on("tenantChanged", () => {
      pw.tenants.find("acme").then((tenant) => statuses.push(tenant?.status), statuses.push);
    });
    await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    await pw.run("acme", () => pw.tenants.updateSettings("acme", { locale: "de" }));
    await pw.tenants.suspend("acme");
    expect(new Set(told)).toEqual(new Set(["acme no scope"]));
    await expect.poll(() => statuses.at(-1)).toBe("suspended");
  });

  it("are not told to who has taken its handler off", async () => {
    const pw = open();
    const told: TenantChange[] = [];
    const handler = (change: TenantChange) => void told.push(change);
    const [first, second] = [pw.on("tenantChanged", handler), pw.on("tenantChanged", handler)];
    first();
    first();
    await pw.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    const once = told.length;
    expect(once).toBeGreaterThan(0);
    second();
    await pw.tenants.suspend("acme");
    expect(told).toHaveLength(once);
  });
});

describeEngine("postgres", "changes of a tenant's record by another process", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  it.each([[undefined], [false as const]])("are told, with the cache %j", async (cache) => {
    const table = `t_${randomUUID().replaceAll("-", "")}`;
    const channel = table;
    const connectionString = database.url;
    const node = (invalidated: boolean) =>
      open({
        store: postgresStore(pg, { connectionString, table, channel }),
        ...(invalidated && {
          invalidation: postgresInvalidation(pg, { connectionString, channel }),
        }),
        ...(cache === undefined ? {} : { cache }),
      });
    const [one, other] = [node(false), node(true)];
    await one.ready();
    const told: (string | undefined)[] = [];
    other.on("tenantChanged", ({ id }) => void told.push(id));
    await other.ready();
    await one.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    await one.tenants.suspend("acme");
    await expect.poll(() => told.includes("acme")).toBe(true);
    // What may have been missed while nobody listened is told as a change of any.
    told.length = 0;
    await withClient(database.url, (client) =>
      client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen %'",
      ),
    );
    await expect.poll(() => told.includes(undefined)).toBe(true);
  });
});
