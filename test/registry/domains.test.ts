import { randomUUID } from "node:crypto";
import { createPartywall, type Partywall } from "partywall";
import { postgresInvalidation, postgresStore } from "partywall/registry";
import pg from "pg";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { codeOf } from "../scope/instance.js";
import { describeEngine } from "../support/engine.js";
import { testDatabase, withClient, type TestDatabase } from "../support/postgres.js";
import { describeStores } from "./stores.js";

describeStores("a domain", (stores) => {
  async function registry(): Promise<Partywall> {
    const pw = createPartywall({ realm: randomUUID(), store: stores.open() });
    onTestFinished(() => pw.close());
    for (const id of ["acme", "globex"]) await pw.tenants.create({ id, slug: id, name: id });
    return pw;
  }
  const at = async (pw: Partywall, domain: string) => (await pw.tenants.find({ domain }))?.id;

  it("leads to the tenant that has the domain, however it is written", async () => {
    const pw = await registry();
    expect((await pw.tenants.get("acme")).domains).toEqual([]);
    await pw.tenants.addDomain("acme", "Shop.Acme.com.");
    await pw.tenants.addDomain("acme", "bücher.example");
    const { domains } = await pw.tenants.get("acme");
    expect(domains).toEqual(["shop.acme.com", "xn--bcher-kva.example"]);
    for (const name of ["shop.acme.com", "SHOP.ACME.COM", "shop.acme.com."])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await at(pw, name)).toBe("acme");
    expect(await at(pw, "xn--bcher-kva.example")).toBe("acme");
    for (const name of ["acme.com", "x.shop.acme.com", "shop.acme.co", "acme", "10.0.0.1"])
      // oxlint-disable-next-line no-await-in-loop -- each by itself
      expect(await at(pw, name)).toBeUndefined();
    expect(await pw.run({ domain: "shop.acme.com" }, () => pw.current().slug)).toBe("acme");
  });

  it("cannot be two tenants'", async () => {
    const pw = await registry();
    await pw.tenants.addDomain("acme", "shop.example.org");
    const taken = () => pw.tenants.addDomain("globex", "Shop.Example.org");
    expect(await codeOf(taken)).toBe("PW_TENANT_EXISTS");
    expect((await pw.tenants.get("globex")).domains).toEqual([]);
    // Again for the one that has it: nothing changes.
    const { version } = await pw.tenants.addDomain("acme", "shop.example.org");
    expect((await pw.tenants.get("acme")).version).toBe(version);
  });

  it("is taken by one of two who ask at once", async () => {
    const pw = await registry();
    const codes = await Promise.all(
      ["acme", "globex"].map((id) => codeOf(() => pw.tenants.addDomain(id, "race.example.org"))),
    );
    expect(new Set(codes)).toEqual(new Set([undefined, "PW_TENANT_EXISTS"]));
  });

  it("leads nowhere any more once it was removed, and may be another's", async () => {
    const pw = await registry();
    await pw.tenants.addDomain("acme", "a.example.org");
    await pw.tenants.addDomain("acme", "b.example.org");
    expect(await at(pw, "a.example.org")).toBe("acme");
    await pw.tenants.removeDomain("acme", "A.example.org");
    expect(await at(pw, "a.example.org")).toBeUndefined();
    expect(await at(pw, "b.example.org")).toBe("acme");
    await pw.tenants.addDomain("globex", "a.example.org");
    expect(await at(pw, "a.example.org")).toBe("globex");
  });

  it("of a deleted tenant leads nowhere, and may be another's", async () => {
    const pw = await registry();
    await pw.tenants.addDomain("acme", "gone.example.org");
    await pw.tenants.delete("acme");
    expect(await at(pw, "gone.example.org")).toBeUndefined();
    await pw.tenants.addDomain("globex", "gone.example.org");
    expect(await at(pw, "gone.example.org")).toBe("globex");
  });

  it("is kept when the rest of the record changes", async () => {
    const pw = await registry();
    await pw.tenants.addDomain("acme", "kept.example.org");
    await pw.tenants.update("acme", { name: "Acme Inc." });
    await pw.tenants.suspend("acme");
    expect((await pw.tenants.get({ domain: "kept.example.org" })).status).toBe("suspended");
  });

  it.each([
    "",
    "acme",
    "10.0.0.1",
    "[::1]",
    "a.com:80",
    "https://a.com",
    "a.com/x",
    "a.com?x",
    "a.com#x",
    "u@a.com",
    "a%2ecom",
    "a\\b.com",
    "a..com",
    "-a.com",
    "a b.com",
    "*.a.com",
    "a.123",
  ])("cannot be %j", async (name) => {
    const pw = await registry();
    expect(await codeOf(() => pw.tenants.addDomain("acme", name))).toBe("PW_TENANT_INVALID");
  });
});

describeEngine("postgres", "a domain, in PostgreSQL", () => {
  let database: TestDatabase;
  let tables = 0;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());
  const fresh = () => ({ connectionString: database.url, table: `tenants_${(tables += 1)}` });

  it("that was added or removed on one node is seen on another", async () => {
    const options = fresh();
    const node = () => {
      const pw = createPartywall({
        realm: randomUUID(),
        store: postgresStore(pg, options),
        invalidation: postgresInvalidation(pg, { connectionString: database.url }),
        cache: { ttlMs: 3_600_000, negativeTtlMs: 3_600_000 },
      });
      onTestFinished(() => pw.close());
      return pw;
    };
    const [one, other] = [node(), node()];
    await one.ready();
    await other.ready();
    await one.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    const seen = async () => (await other.tenants.find({ domain: "new.example.org" }))?.id;
    expect(await seen()).toBeUndefined();
    await one.tenants.addDomain("acme", "new.example.org");
    await expect.poll(seen).toBe("acme");
    await one.tenants.removeDomain("acme", "new.example.org");
    await expect.poll(seen).toBeUndefined();
  });

  it("can be given to tenants of a registry that is older than domains", async () => {
    const options = fresh();
    const before = createPartywall({ realm: randomUUID(), store: postgresStore(pg, options) });
    await before.tenants.create({ id: "acme", slug: "acme", name: "Acme" });
    await before.close();
    await withClient(database.url, (client) =>
      client.query(`drop table partywall.${options.table}_domains`),
    );
    const nodes = Array.from({ length: 3 }, () => {
      const pw = createPartywall({ realm: randomUUID(), store: postgresStore(pg, options) });
      onTestFinished(() => pw.close());
      return pw;
    });
    await Promise.all(nodes.map((pw) => pw.ready()));
    await nodes[0]?.tenants.addDomain("acme", "old.example.org");
    expect(await nodes[1]?.run({ domain: "old.example.org" }, () => "entered")).toBe("entered");
  });
});
