import { afterAll, beforeAll, expect, test } from "vitest";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "../../guards/mongodb/drivers.js";
import { inProcess } from "./data-in-process.js";
import { openGrounds, type Any } from "./grounds.js";

// As much as a server of 256 MB of memory takes; PARTYWALL_TEST_VOLUME asks for more.
const DOCUMENTS = Number(process.env["PARTYWALL_TEST_VOLUME"] ?? 20_000);
const LENGTH = 500;

describeMongo("many documents of one tenant", (mongo) => {
  let grounds: ReturnType<typeof openGrounds>;
  beforeAll(() => void (grounds = openGrounds(mongo, DRIVERS[0]![1])));
  afterAll(() => grounds.client.close());

  test("pass in a small part of the memory that they would take", async () => {
    const [shared, home] = [mongo.database(), mongo.database()];
    for (let from = 0; from < DOCUMENTS; from += 5000) {
      await shared.collection<Any>("orders").insertMany(
        Array.from({ length: Math.min(5000, DOCUMENTS - from) }, (_, n) => ({
          _id: from + n,
          tenantId: "acme",
          body: String(from + n).padEnd(LENGTH, "x"),
        })),
      );
    }
    const place = { strategy: "row", database: shared.databaseName, tenantId: "acme" } as const;
    const own = { strategy: "database", database: home.databaseName, tenantId: "acme" } as const;
    const done = (await inProcess(mongo.url, { do: "copy", from: place, to: own }))!;
    console.log(
      `${mongo.engine}: ${DOCUMENTS} documents, ${Math.round(done.bytes / 1e6)} MB of lines, heap and buffers at most ${Math.round(done.peak / 1e6)} MB, RSS ${Math.round(done.rss / 1e6)} MB`,
    );
    expect(await home.collection("orders").countDocuments()).toBe(DOCUMENTS);
    expect(done.bytes).toBeGreaterThan(DOCUMENTS * LENGTH);
    // Whatever the number of documents is: a batch of the server's, and two of ours.
    expect(done.peak).toBeLessThan(160e6);
  }, 600_000);
});
