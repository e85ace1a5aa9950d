import * as mongodb from "mongodb";
import type { Db } from "mongodb";
import { guardMongo, type MongoBootAudit } from "partywall/guards/mongodb";
import { beforeEach, expect, test } from "vitest";
import { describeMongo } from "../../../support/mongo.js";
import { openSite } from "../site.js";

// What neither server of the tests can show.
const UNSEEN = "connection-unguarded";

describeMongo("the audit at boot", (mongo) => {
  let database: Db;
  beforeEach(async () => {
    database = mongo.database();
    await database.collection("orders").createIndex({ tenantId: 1 });
  });

  const boot = async (audit?: "refuse" | MongoBootAudit) => {
    const url = mongo.url + database.databaseName;
    const site = await openSite(mongodb, url, audit === undefined ? {} : { audit });
    try {
      await site.pw.ready();
    } finally {
      await site.pw.close();
    }
  };
  const open = () => database.collection("orders").createIndex({ email: 1 }, { unique: true });

  test("refuses what is bad enough and was not accepted", async () => {
    const object = `${database.databaseName}.orders.email_1`;
    await boot({ accept: [UNSEEN] });
    await open();
    const refused = {
      code: "PW_GUARD_BYPASSED",
      message: expect.stringContaining(`unique-index-without-tenant (${object})`),
    };
    await expect(boot({ accept: [UNSEEN] })).rejects.toMatchObject(refused);
    await boot({ accept: [UNSEEN, "unique-index-without-tenant"] });
    await boot({ severity: "critical" });
    await boot();
  });

  test("what could not be looked at is no clean bill", async () => {
    await expect(boot("refuse")).rejects.toMatchObject({
      code: "PW_GUARD_BYPASSED",
      message: expect.stringContaining("connection-unguarded ("),
    });
  });

  test("documents are read only where that is asked for", async () => {
    await database.collection<{ tenantId?: string[] }>("orders").insertOne({ tenantId: ["a"] });
    await boot({ accept: [UNSEEN] });
    await expect(boot({ accept: [UNSEEN], documents: true })).rejects.toMatchObject({
      message: expect.stringContaining("document-of-several-tenants ("),
    });
  });

  test.each([
    [{ severity: "worst" }, "severity"],
    [{ accept: ["unique-index"] }, "accept"],
    ["refused", "neither"],
    [null, "neither"],
  ])("an option that cannot be is refused: %j", (audit, word) => {
    expect(() => guardMongo(mongodb, { app: mongo.url, audit: audit as "refuse" })).toThrow(
      expect.objectContaining({ code: "PW_CONFIG", message: expect.stringContaining(word) }),
    );
  });
});
