import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MONGOOSES } from "../../guards/mongodb/drivers.js";
import { startMongoListener, type MongoListener } from "../../support/mongo-listener.js";
import { describeMongo } from "../../support/mongo.js";
import { MONGO_ENGINES } from "../../support/mongo-servers.js";
import { CALLS, REFUSED } from "./calls/calls.js";
import { fill, openCallSite, THEIRS, type CallSite } from "./calls/site.js";

const namesOf = (commands: readonly object[]) => commands.map((one) => Object.keys(one)[0]);

// How much a server gives at once is its own affair.
const withoutMore = (names: readonly unknown[]) => names.filter((name) => name !== "getMore");

describeMongo("a call of Mongoose keeps to its tenant", (mongo) => {
  for (const [name, { Mongoose }] of MONGOOSES) {
    describe(`with ${name}`, () => {
      let site: CallSite;
      const stored = () => mongo.client.db(site.database.databaseName);
      const theirs = async () => ({
        orders: await stored().collection("orders").find({ tenantId: site.b }).toArray(),
        customers: await stored().collection("customers").find({ tenantId: site.b }).toArray(),
      });
      beforeEach(async () => {
        const { databaseName } = mongo.database();
        site = await openCallSite(Mongoose, mongo.url + databaseName, databaseName);
        await fill(site);
      });
      afterEach(() => site.pw.close());

      for (const call of CALLS) {
        const can = (call.on ?? MONGO_ENGINES).includes(mongo.engine);
        test(can ? call.name : `${call.name}, which this server cannot do`, async () => {
          const before = await theirs();
          const answer = site.inA(() => call.run(site));
          if (!can) {
            await expect(answer).rejects.toThrow(/./);
          } else {
            const text = JSON.stringify((await answer) ?? null);
            expect(text).not.toContain(THEIRS);
            expect(text).not.toContain(site.b);
            if (call.expect !== undefined) expect(JSON.parse(text)).toEqual(call.expect);
            expect(withoutMore(namesOf(site.sent()))).toEqual(withoutMore(call.commands));
          }
          expect(await theirs()).toEqual(before);
          for (const collection of ["orders", "customers"]) {
            const known = await stored().collection(collection).distinct("tenantId");
            expect(known.filter((one) => one !== site.a && one !== site.b)).toEqual([]);
            expect(await stored().collection(collection).countDocuments({ tenantId: null })).toBe(
              0,
            );
          }
        });
      }
    });
  }
});

// What no scoped command can be without: its tenant. These name what a scoped one began.
const NAMELESS = new Set(["getMore", "killCursors", "commitTransaction", "abortTransaction"]);

describe.each(MONGOOSES)("a call of %s, on the wire", (_name, { Mongoose }) => {
  let listener: MongoListener;
  let site: CallSite;
  beforeAll(async () => {
    listener = await startMongoListener();
    site = await openCallSite(Mongoose, `${listener.url}shop?replicaSet=partywall`, "on-the-wire");
    await site.inA(() => site.Order.countDocuments());
  });
  beforeEach(() => listener.clear());
  afterAll(async () => {
    await site.pw.close();
    await listener.close();
  });

  test.each(CALLS)("$name carries its tenant", async ({ commands, run }) => {
    await site
      .inA(() => run(site))
      .catch((error: unknown) => {
        // There is nothing stored, and Mongoose may say so.
        if (!String(error).includes("No document found")) throw error;
      });
    const sent = listener.commands();
    const names = namesOf(sent);
    expect(names.length).toBeGreaterThan(0);
    expect(commands.slice(0, names.length)).toEqual(names.slice(0, commands.length));
    for (const [n, command] of sent.entries()) {
      if (NAMELESS.has(names[n]!)) continue;
      expect(JSON.stringify(command)).toContain(site.a);
      expect(JSON.stringify(command)).not.toContain(site.b);
    }
  });

  test.each(REFUSED)("$name is refused, and nothing is sent", async ({ run }) => {
    await expect(site.inA(() => run(site))).rejects.toMatchObject({
      code: expect.stringMatching(/^PW_(STATEMENT_REFUSED|WRITE_MISMATCH)$/) as string,
    });
    expect(listener.commands()).toEqual([]);
  });
});
