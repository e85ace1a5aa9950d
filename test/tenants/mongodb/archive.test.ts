import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Db } from "mongodb";
import { exportTenant as exportRows, importTenant as importRows } from "partywall/tenants";
import {
  compareTenant,
  copyTenant,
  exportTenant,
  importTenant,
  type ExportSummary,
} from "partywall/tenants/mongodb";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "../../guards/mongodb/drivers.js";
import { archived, inside, openGrounds, refusal, source, type Any } from "./grounds.js";

const A_FEW: Any[] = [
  { _id: 1, tenantId: "acme", n: 1, lines: [{ sku: "a", price: 1.5 }] },
  { _id: 2, tenantId: "acme", n: 2, note: null },
  { _id: 3, tenantId: "bolt", n: 1, note: "bolt's own" },
  { _id: 4, tenantId: "ACME", n: 1 },
  { _id: 5, tenantId: "acme\n", n: 1 },
  { _id: 6, tenantId: null, n: 1 },
  { _id: 7, n: 1 },
  { _id: 8, tenantId: { acme: 1 }, n: 1 },
];

/** An archive's text with its last line made right again. */
function sealed(text: string, change: (lines: string[]) => string[]): string {
  const lines = change(text.trimEnd().split("\n").slice(0, -1));
  const counts: { rows: number; checksum: string }[] = [];
  for (const line of lines.slice(1)) {
    if (line.startsWith("{")) counts.push({ rows: 0, checksum: "0" });
    else {
      const last = counts.at(-1)!;
      const sum = createHash("sha256").update(line).digest().readBigInt64BE(0);
      last.rows += 1;
      last.checksum = (BigInt(last.checksum) + sum).toString();
    }
  }
  const body = lines.map((line) => `${line}\n`).join("");
  const sha256 = createHash("sha256").update(body).digest("hex");
  return `${body}${JSON.stringify({ end: true, tables: counts, sha256 })}\n`;
}

describeMongo("an archive of one tenant's documents", (mongo) => {
  describe.each(DRIVERS.slice(0, 3))("by %s", (_, driver) => {
    let grounds: ReturnType<typeof openGrounds>;
    beforeAll(() => void (grounds = openGrounds(mongo, driver)));
    afterAll(() => grounds.client.close());

    const fill = async (): Promise<Db> => {
      const shared = mongo.database();
      await shared.collection<Any>("orders").insertMany(structuredClone(A_FEW));
      await shared.collection<Any>("customers").insertMany([
        { _id: "c1", tenantId: "acme", name: "Ada" },
        { _id: "c2", tenantId: "bolt", name: "Bob" },
      ]);
      await shared.collection<Any>("plans").insertOne({ _id: 1, name: "free" });
      return shared;
    };

    test("holds the tenant's documents and nobody else's, however alike their names", async () => {
      const shared = await fill();
      const summaries: ExportSummary[] = [];
      let text = "";
      for await (const chunk of exportTenant(grounds.row(shared, "acme", { shared: ["plans"] }), {
        onEnd: (summary) => void summaries.push(summary),
      }))
        text += chunk;
      const [header, ...lines] = text.trimEnd().split("\n");
      expect(JSON.parse(header!)).toMatchObject({
        engine: "mongodb",
        tenantId: "acme",
        strategy: "row",
        tables: [
          { name: "customers", tenantField: "tenantId", estimate: 1 },
          { name: "orders", estimate: 2 },
        ],
      });
      expect(lines.slice(0, -1)).toEqual([
        '{"table":0}',
        '[{"_id":"c1","name":"Ada"}]',
        '{"table":1}',
        '[{"_id":{"$numberInt":"1"},"n":{"$numberInt":"1"},"lines":[{"sku":"a","price":{"$numberDouble":"1.5"}}]}]',
        '[{"_id":{"$numberInt":"2"},"n":{"$numberInt":"2"},"note":null}]',
      ]);
      expect(summaries).toMatchObject([{ tables: [{ rows: 1 }, { rows: 2 }], skipped: [] }]);
    });

    test("comes out of rows, a database and the rows of another tenant the same", async () => {
      const [shared, home, others] = [await fill(), mongo.database(), mongo.database()];
      await others.collection<Any>("orders").insertMany([
        { _id: 90, tenantId: "bolt" },
        { _id: 91, tenantId: 7 },
      ]);
      const from = grounds.row(shared, "acme", { shared: ["plans"] });
      const own = grounds.own(home, "acme");
      const to = grounds.row(others, "copy", { tenantValue: "copy of acme" });
      const report = await copyTenant(from, own);
      expect(report).toMatchObject({
        from: { tenantId: "acme", strategy: "row" },
        tables: [
          { table: "customers", rows: 1 },
          { table: "orders", rows: 2 },
        ],
        created: ["customers", "orders"],
        untouched: [],
      });
      expect(await inside(home, "orders")).toEqual(
        A_FEW.slice(0, 2).map(({ tenantId: _tenant, ...rest }) => rest),
      );
      await copyTenant(own, to);
      expect(await inside(others, "orders")).toEqual([
        { _id: 1, n: 1, lines: [{ sku: "a", price: 1.5 }], tenantId: "copy of acme" },
        { _id: 2, n: 2, note: null, tenantId: "copy of acme" },
        { _id: 90, tenantId: "bolt" },
        { _id: 91, tenantId: 7 },
      ]);
      expect(await compareTenant(from, to)).toMatchObject({ same: true, tables: [{}, {}] });
      expect(await archived(from).then(rowsOf)).toEqual(await archived(to).then(rowsOf));
      expect(await inside(shared, "orders")).toEqual(A_FEW);
      for (const database of [home, others]) {
        expect(await inside(database, "partywall.tenant-data")).toEqual([]);
      }
    });

    test("is told apart from another by one value, one document and one collection", async () => {
      const [shared, home] = [await fill(), mongo.database()];
      const [from, own] = [
        grounds.row(shared, "acme", { shared: ["plans"] }),
        grounds.own(home, "acme"),
      ];
      const orders = home.collection<{ _id: number; note?: null }>("orders");
      await copyTenant(from, own);
      await orders.updateOne({ _id: 2 }, { $unset: { note: "" } });
      expect(await compareTenant(from, own)).toMatchObject({
        same: false,
        tables: [{ same: true }, { table: "orders", same: false }],
      });
      await orders.updateOne({ _id: 2 }, { $set: { note: null } });
      expect(await compareTenant(from, own)).toMatchObject({ same: true });
      await home.collection<Any>("secrets").insertOne({ _id: 1 });
      expect(await compareTenant(from, own)).toMatchObject({ same: false });
    });

    test("is refused where it is cut, altered, out of order or goes on behind its end", async () => {
      const shared = await fill();
      const text = await archived(grounds.row(shared, "acme", { shared: ["plans"] }));
      const lines = text.split("\n");
      const swapped = [...lines.slice(0, 4), lines[5], lines[4], ...lines.slice(6)].join("\n");
      const tampered: Record<string, string> = {
        cut: lines.slice(0, 5).join("\n") + "\n",
        "cut within a line": text.slice(0, -20),
        altered: text.replace('"sku":"a"', '"sku":"b"'),
        "without a document": [...lines.slice(0, 4), ...lines.slice(5)].join("\n"),
        "with one twice": [...lines.slice(0, 5), ...lines.slice(4)].join("\n"),
        "out of order": swapped,
        "of another tenant": text.replace('"tenantId":"acme"', '"tenantId":"bolt"'),
        longer: `${text}${lines[1]}\n`,
        "no JSON": text.replace('[{"_id":"c1"', '[{"_id":c1'),
        "no document": text.replace('[{"_id":"c1","name":"Ada"}]', '[{"$oid":"c1"}]'),
        "bytes that are none": text.replace('[{"_id":"c1","name":"Ada"}]', '["AAAA"]'),
        empty: "",
      };
      expect(swapped).not.toBe(text);
      for (const [how, changed] of Object.entries(tampered)) {
        const home = mongo.database();
        const told = await refusal(importTenant(grounds.own(home, "acme"), source(changed)));
        expect([how, told]).toEqual([how, expect.stringMatching(/^PW_ARCHIVE_INVALID: /)]);
        for (const collection of ["customers", "orders", "partywall.tenant-data"]) {
          expect([how, await inside(home, collection)]).toEqual([how, []]);
        }
      }
    });

    test("cannot write to shared, Partywall's or the server's collections by their names", async () => {
      const shared = await fill();
      const text = await archived(
        grounds.row(shared, "acme", { collections: ["customers", "orders"] }),
      );
      const names = {
        plans: "is shared here",
        "partywall.home": "is Partywall's or the server's own",
        "partywall.tenant-data": "is Partywall's or the server's own",
        "system.js": "is Partywall's or the server's own",
        a$b: "is Partywall's or the server's own",
        orders: "is in the archive twice",
      };
      for (const [name, why] of Object.entries(names)) {
        const forged = sealed(text, ([head, ...rest]) => [
          head!.replace('"name":"customers"', `"name":"${name}"`),
          ...rest,
        ]);
        const home = mongo.database();
        const told = await refusal(
          importTenant(grounds.own(home, "acme", { shared: ["plans"] }), source(forged)),
        );
        expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: .*Nothing was written/);
        expect(told).toContain(`${name} ${why}`);
        const there = (await home.listCollections().toArray()).map((one) => one.name);
        expect(there.filter((one) => one !== "partywall.tenant-data")).toEqual([]);
        expect(await inside(home, "partywall.tenant-data")).toEqual([]);
      }
    });

    test("is refused at its end where the tenant was at work meanwhile", async () => {
      const shared = await fill();
      const orders = shared.collection<Any>("orders");
      const write = async (change: () => Promise<unknown>) => {
        for await (const chunk of exportTenant(grounds.row(shared, "acme")))
          if (chunk.includes('"sku"')) await change();
      };
      const told = /^PW_TENANT_DATA_REFUSED: .*orders.*somebody writes meanwhile/;
      const one: Any = { _id: "new", tenantId: "acme" };
      expect(await refusal(write(() => orders.insertOne(one)))).toMatch(told);
      expect(await refusal(write(() => orders.deleteOne({ _id: "new" } as object)))).toMatch(told);
      expect(await refusal(write(async () => undefined))).toBe("nothing");
    });

    test("cannot bring in documents of another tenant", async () => {
      const shared = await fill();
      const text = await archived(grounds.row(shared, "acme", { collections: ["customers"] }));
      const others = mongo.database();
      const to = grounds.row(others, "acme");
      const lines = ['[{"_id":"c1","tenantId":"bolt"}]', '[{"_id":"c1","tenantId":null}]'];
      // The same as bytes, which need not be what a driver would write.
      const bytes = driver.BSON.serialize({ _id: "c1", tenantId: "bolt" });
      lines.push(JSON.stringify([Buffer.from(bytes).toString("base64")]));
      for (const line of lines) {
        const forged = sealed(text, ([head, table]) => [head!, table!, line]);
        expect(await refusal(importTenant(to, source(forged)))).toMatch(
          /^PW_TENANT_DATA_REFUSED: .*tenantId of its own/,
        );
        expect(await inside(others, "customers")).toEqual([]);
      }
      const dotted = sealed(text, ([head, table]) => [
        head!,
        table!,
        '[{"_id":"c1","tenantId.x":"bolt"}]',
      ]);
      expect(await refusal(importTenant(to, source(dotted)))).toMatch(/^PW_WRITE_MISMATCH: /);
      expect(await inside(others, "customers")).toEqual([]);
    });

    test("of one kind of database is refused by the other, and says which it is of", async () => {
      const text = await archived(grounds.row(await fill(), "acme"));
      const nobody = { query: () => Promise.reject(new Error("asked")) } as never;
      const rows = { client: nobody, strategy: "row", tenantId: "acme" } as const;
      expect(await refusal(importRows(rows, source(text)))).toMatch(
        /^PW_ARCHIVE_INVALID: .*not of PostgreSQL.*partywall\/tenants\/mongodb/,
      );
      const header = {
        partywall: "tenant-archive",
        version: 1,
        engine: "postgres",
        tenantId: "acme",
        strategy: "row",
        takenAt: "2026-01-01T00:00:00.000Z",
        tables: [],
      };
      const home = grounds.own(mongo.database(), "acme");
      expect(await refusal(importTenant(home, source(`${JSON.stringify(header)}\n`)))).toMatch(
        /^PW_ARCHIVE_INVALID: .*not of MongoDB.*partywall\/tenants\./,
      );
      expect(exportRows).not.toBe(exportTenant);
    });

    test("is not begun over a document that is of several tenants", async () => {
      for (const tenantId of [["acme", "bolt"], ["acme"]]) {
        const shared = mongo.database();
        await shared.collection<Any>("orders").insertMany([
          { _id: 1, tenantId: "acme" },
          { _id: 2, tenantId },
        ]);
        const told = await refusal(archived(grounds.row(shared, "acme")));
        expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: .*orders.*not belong to this tenant alone/);
      }
    });

    test("is of no tenant that documents cannot carry", async () => {
      const shared = await fill();
      const values = [null, undefined, "", ["acme"], { $gt: "" }, /./, Number.NaN, true];
      for (const tenantValue of values) {
        const told = await refusal(archived(grounds.row(shared, "acme", { tenantValue })));
        expect([tenantValue, told]).toEqual([
          tenantValue,
          expect.stringMatching(/^PW_TENANT_DATA_REFUSED: /),
        ]);
      }
      for (const tenantField of ["_id", "a.b", "$where", "", "__proto__"]) {
        const told = await refusal(archived(grounds.row(shared, "acme", { tenantField })));
        expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: /);
      }
    });

    test("of a tenant whose value is a number, an ObjectId or a UUID is its own", async () => {
      const { ObjectId, UUID, Long } = driver.BSON;
      const values = [7, Long.fromString("9007199254740993"), new ObjectId(), new UUID()];
      for (const tenantValue of values) {
        const [shared, home] = [mongo.database(), mongo.database()];
        // By the same driver, whose values these are.
        const orders = grounds.client.db(shared.databaseName).collection<Any>("orders");
        await orders.insertMany([
          { _id: 1, tenantId: tenantValue },
          { _id: 2, tenantId: String(tenantValue) },
          { _id: 3, tenantId: 8 },
        ]);
        await copyTenant(grounds.row(shared, "x", { tenantValue }), grounds.own(home, "x"));
        expect(await inside(home, "orders")).toEqual([{ _id: 1 }]);
      }
    });
  });
});

const rowsOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("["))
    .toSorted();
