import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as mongodb from "mongodb";
import { compareTenant, copyTenant, importTenant } from "partywall/tenants/mongodb";
import { documentOf, lineOf } from "../../../src/tenants/mongodb/document-line.js";
import { describeMongo } from "../../support/mongo.js";
import { DRIVERS } from "../../guards/mongodb/drivers.js";
import { openGrounds, refusal, type Any } from "./grounds.js";

const { BSON } = mongodb;
const bytes = Buffer.from([1, 2, 3]);
const uuid = "0b8f2f5e-0f58-4f2b-a5d3-7d0c5e0f9a11";

/** Every type that there is, by what its line has. */
const VALUES: Readonly<Record<string, readonly [value: unknown, text: string]>> = {
  "a double that is whole": [new BSON.Double(1), '{"$numberDouble":"1.0"}'],
  "minus nought": [new BSON.Double(-0), '{"$numberDouble":"-0.0"}'],
  "a double of many digits": [
    new BSON.Double(0.1 + 0.2),
    '{"$numberDouble":"0.30000000000000004"}',
  ],
  "a great double": [new BSON.Double(1e21), '{"$numberDouble":"1e+21"}'],
  "no number": [new BSON.Double(Number.NaN), '{"$numberDouble":"NaN"}'],
  infinity: [new BSON.Double(-Infinity), '{"$numberDouble":"-Infinity"}'],
  "an int": [new BSON.Int32(-1), '{"$numberInt":"-1"}'],
  "a small long": [BSON.Long.fromNumber(1), '{"$numberLong":"1"}'],
  "a long beyond doubles": [BSON.Long.MAX_VALUE, '{"$numberLong":"9223372036854775807"}'],
  "a decimal with its noughts": [BSON.Decimal128.fromString("1.500"), '{"$numberDecimal":"1.500"}'],
  "a string of everything": ['\0\n"\\é\u2028😀', '"\\u0000\\n\\"\\\\é\u2028😀"'],
  "bytes of the old kind": [new BSON.Binary(bytes, 2), '"subType":"02"'],
  "bytes of the user's kind": [new BSON.Binary(bytes, 0x80), '"subType":"80"'],
  "an old UUID": [new BSON.Binary(Buffer.alloc(16, 7), 3), '"subType":"03"'],
  "a UUID": [new BSON.UUID(uuid), '"subType":"04"'],
  "an ObjectId": [
    new BSON.ObjectId("5f0000000000000000000001"),
    '{"$oid":"5f0000000000000000000001"}',
  ],
  "a date before year one": [
    new Date(-62135596800001),
    '{"$date":{"$numberLong":"-62135596800001"}}',
  ],
  "a regular expression": [new BSON.BSONRegExp("a/b", "imsx"), '"options":"imsx"'],
  "a timestamp": [new BSON.Timestamp({ t: 4294967295, i: 2 }), '{"t":4294967295,"i":2}'],
  "the least key": [new BSON.MinKey(), '{"$minKey":1}'],
  "the greatest key": [new BSON.MaxKey(), '{"$maxKey":1}'],
  code: [new BSON.Code("return 1"), '{"$code":"return 1"}'],
  "code with a scope": [new BSON.Code("return a", { a: new BSON.Int32(1) }), '"$scope"'],
  "a symbol": [new BSON.BSONSymbol("s"), '{"$symbol":"s"}'],
  "a reference": [new BSON.DBRef("c", new BSON.ObjectId(), "d"), '"$ref":"c"'],
  null: [null, "null"],
  booleans: [[true, false], "[true,false]"],
  "lists in lists": [[[], [null, { a: [] }]], '[[],[null,{"a":[]}]]'],
  "nothing in it": [{}, "{}"],
  "names of the language": [
    new Map([
      ["__proto__", null],
      ["constructor", null],
    ]),
    '{"__proto__":null,"constructor":null}',
  ],
  "members in their order": [{ b: null, a: null, "": null }, '{"b":null,"a":null,"":null}'],
};

const documentWith = (v: unknown) => BSON.serialize({ _id: "x", v }, { ignoreUndefined: false });

describe.each(DRIVERS)("a value in the line of a document, by %s", (_, driver) => {
  const { BSON: bson } = driver;
  const again = (line: string) => Buffer.from(bson.serialize(documentOf(bson, line)! as object));

  test.each(Object.entries(VALUES))("%s comes back to the same bytes", (_name, [value, text]) => {
    const before = documentWith(value);
    const line = lineOf(bson, before)!;
    expect(line).toContain(text);
    expect(again(line).equals(before)).toBe(true);
  });

  // What Extended JSON cannot tell from its own words, or JavaScript from an index.
  const inOrder = (...members: [string, unknown][]) => new Map(members);
  const odd: Readonly<Record<string, Uint8Array>> = {
    "years as names": documentWith(
      inOrder(["2024", 1], ["2023", 2], ["a", inOrder(["1", 1], ["0", 1])]),
    ),
    "a word of Extended JSON": documentWith(inOrder(["$numberLong", "5"])),
    "a false ObjectId": documentWith({ $oid: "none" }),
    "a reference the other way round": documentWith(inOrder(["$id", 1], ["$ref", "c"])),
    "years in a list": documentWith([inOrder(["9", 1], ["8", 1])]),
  };
  test.each(Object.entries(odd))("%s comes back to the same bytes, as bytes", (_name, before) => {
    const line = lineOf(bson, before)!;
    expect(line).toMatch(/^\["[A-Za-z0-9+/=]+"\]$/);
    expect(again(line).equals(before)).toBe(true);
  });

  // A member of a type, and its value, that drivers read as something else.
  const raw = (type: number, value: number[], name = "v") => {
    const members = Buffer.from([type, ...Buffer.from(`${name}\0`), ...value]);
    const document = Buffer.concat([Buffer.alloc(4), members, Buffer.from([0])]);
    document.writeInt32LE(document.length);
    return document;
  };
  const lost: Readonly<Record<string, Uint8Array>> = {
    undefined: raw(0x06, []),
    "a pointer of old": raw(0x0c, [2, 0, 0, 0, 0x63, 0, ...Buffer.alloc(12)]),
    "a date beyond JavaScript's": raw(0x09, [...Buffer.alloc(7), 0x7f]),
    "a string that is no UTF-8": raw(0x02, [2, 0, 0, 0, 0xff, 0]),
    "two members of one name": raw(0x08, [1, 0x08, 0x76, 0, 0]),
    "a type that there is not": raw(0x55, []),
    "too few bytes": raw(0x12, [1]),
  };
  test.each(Object.entries(lost))("%s gives no line rather than another value", (_name, before) => {
    expect(lineOf(bson, before)).toBeUndefined();
  });
});

// What a server refuses or changes itself, by measurement.
const NOT_KEPT: Readonly<Record<string, readonly string[]>> = {
  ferretdb: [
    "minus nought",
    "no number",
    "infinity",
    "a decimal with its noughts",
    "the least key",
    "the greatest key",
    "code",
    "code with a scope",
    "a symbol",
    "a reference",
    "lists in lists",
  ],
  "mongo-java-server": [
    "bytes of the user's kind",
    "bytes of the old kind",
    "code with a scope",
    "a symbol",
  ],
};

describeMongo("values of every type", (mongo) => {
  describe.each(DRIVERS.slice(0, 3))("by %s", (_, driver) => {
    let grounds: ReturnType<typeof openGrounds>;
    beforeAll(() => void (grounds = openGrounds(mongo, driver)));
    afterAll(() => grounds.client.close());

    test("are the same after rows, a database, and the rows of another tenant", async () => {
      const [shared, home, others] = [mongo.database(), mongo.database(), mongo.database()];
      const left = NOT_KEPT[mongo.engine] ?? [];
      const documents = Object.entries(VALUES)
        .filter(([name]) => !left.includes(name))
        .map(([name, [value]]) => ({ _id: name, tenantId: "acme", value }));
      documents.push({
        _id: "years",
        tenantId: "acme",
        value: new Map([
          ["2024", 1],
          ["2023", 2],
        ]),
      });
      await shared.collection<Any>("values").insertMany(documents);
      const from = grounds.row(shared, "acme");
      const own = grounds.own(home, "acme");
      const to = grounds.row(others, "copy");
      await copyTenant(from, own);
      await copyTenant(own, to);
      const same = { same: true, tables: [{ from: { rows: documents.length } }] };
      expect(await compareTenant(from, own)).toMatchObject(same);
      expect(await compareTenant(from, to)).toMatchObject(same);
      expect(await rawOf(others)).toEqual(
        (await rawOf(shared)).map((hex) => hex.replace(hexOf("acme"), hexOf("copy"))),
      );
    });

    test("are refused where the server does not keep them as they are given", async () => {
      const lossy = { ferretdb: "minus nought", "mongo-java-server": "bytes of the user's kind" };
      const name = Reflect.get(lossy, mongo.engine) as string | undefined;
      const [value] = VALUES[name ?? "an int"]!;
      const line = lineOf(BSON, documentWith(value))!;
      const header = {
        partywall: "tenant-archive",
        version: 1,
        engine: "mongodb",
        tenantId: "acme",
        strategy: "row",
        takenAt: "2026-01-01T00:00:00.000Z",
        tables: [{ name: "values", estimate: 1 }],
      };
      const home = mongo.database();
      const told = await refusal(
        importTenant(
          grounds.own(home, "acme"),
          (async function* () {
            const { createHash } = await import("node:crypto");
            const body = `${JSON.stringify(header)}\n{"table":0}\n${line}\n`;
            const sum = createHash("sha256").update(line).digest().readBigInt64BE(0);
            const sha256 = createHash("sha256").update(body).digest("hex");
            yield body;
            yield `${JSON.stringify({ end: true, tables: [{ rows: 1, checksum: String(sum) }], sha256 })}\n`;
          })(),
        ),
      );
      if (name === undefined) expect(told).toBe("nothing");
      else {
        expect(told).toMatch(/^PW_TENANT_DATA_REFUSED: What came into values .*with other values/);
        expect(await home.collection("values").countDocuments()).toBe(0);
      }
    });
  });
});

const hexOf = (text: string) => Buffer.from(text).toString("hex");

/** The bytes of the documents of a collection `values`, the tenant's field last. */
async function rawOf(database: mongodb.Db): Promise<string[]> {
  const all: string[] = [];
  const documents = database.collection<Any>("values").find({}, { raw: true, sort: { _id: 1 } });
  for await (const one of documents) {
    const raw = Buffer.from(one as unknown as Uint8Array);
    const tenant = BSON.serialize({ tenantId: BSON.deserialize(raw)["tenantId"] as string });
    const member = Buffer.from(tenant.subarray(4, -1)).toString("hex");
    all.push(`${raw.toString("hex").replace(member, "")} ${member}`);
  }
  return all.map((hex) => hex.slice(8));
}
