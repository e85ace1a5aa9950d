import fc from "fast-check";
import type { Db, Document } from "mongodb";
import { expect, test } from "vitest";
import type { CommandScope } from "../../../../src/guards/mongodb/command/command-scope.js";
import { scopeCommand } from "../../../../src/guards/mongodb/command/scope-command.js";
import { describeMongo } from "../../../support/mongo.js";

const TENANT = "acme";
const RUNS = 150;

// Documents of three tenants, and of nobody, alike in all but the tenant: what leaks shows.
const all: Document[] = [TENANT, "globex", "ACME", undefined].flatMap((tenantId, block) =>
  [0, 1, 2, 3, 4].map((n) => ({
    _id: block * 10 + n,
    n,
    s: ["a", "b", "c"][n % 3],
    tags: n % 2 === 0 ? ["x", n] : [],
    sub: { m: n * 2 },
    ...(n === 4 ? {} : { opt: null }),
    ...(tenantId === undefined ? {} : { tenantId }),
  })),
);
const own = all.filter(({ tenantId }) => tenantId === TENANT);

const value = fc.oneof(
  fc.integer({ min: -1, max: 25 }),
  fc.constantFrom("a", "b", "x", TENANT, "globex", null),
);
const field = fc.constantFrom("n", "s", "tags", "sub.m", "opt", "_id", "tenantId");
const predicate: fc.Arbitrary<unknown> = fc.oneof(
  value,
  fc
    .tuple(fc.constantFrom("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"), value)
    .map(([name, one]) => ({ [name]: one })),
  fc
    .tuple(fc.constantFrom("$in", "$nin"), fc.array(value, { maxLength: 3 }))
    .map(([name, some]) => ({ [name]: some })),
  fc.boolean().map((exists) => ({ $exists: exists })),
  fc.tuple(value, value).map(([low, one]) => ({ $gte: low, $ne: one })),
  value.map((one) => ({ $not: { $eq: one } })),
);
const { filter } = fc.letrec<{ filter: Document; joined: Document }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small" },
    { weight: 4, arbitrary: fc.dictionary(field, predicate, { maxKeys: 3 }) },
    { weight: 2, arbitrary: tie("joined") },
  ),
  joined: fc
    .tuple(
      fc.constantFrom("$and", "$or", "$nor"),
      fc.array(tie("filter"), { minLength: 1, maxLength: 3 }),
    )
    .map(([name, filters]) => ({ [name]: filters })),
}));
const stage: fc.Arbitrary<Document> = fc.oneof(
  filter.map((one) => ({ $match: one })),
  fc.constantFrom<Document>(
    { $sort: { _id: -1 } },
    { $limit: 2 },
    { $skip: 1 },
    { $unwind: "$tags" },
    { $group: { _id: "$s", total: { $sum: "$n" }, count: { $sum: 1 } } },
    { $project: { n: 1, tenantId: 1 } },
    { $project: { tenantId: 0 } },
    { $unset: "tenantId" },
    { $addFields: { tenantId: "globex" } },
    { $count: "n" },
    { $facet: { some: [{ $sort: { _id: 1 } }, { $limit: 1 }], number: [{ $count: "n" }] } },
    {
      $lookup: {
        from: "orders",
        pipeline: [{ $match: { n: { $gt: 2 } } }, { $sort: { _id: 1 } }],
        as: "found",
      },
    },
    { $lookup: { from: "orders", localField: "n", foreignField: "n", as: "found" } },
  ),
);
const change: fc.Arbitrary<Document> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("$set", "$inc", "$min", "$max"),
      fc.constantFrom("n", "sub.m", "new"),
      fc.nat(9),
    )
    .map(([name, path, n]) => ({
      [name]: { [path]: n },
    })),
  fc.constantFrom<Document>(
    { $unset: { opt: 1 } },
    { $push: { tags: "y" } },
    { $rename: { opt: "other" } },
    { $set: { tenantId: TENANT } },
    { n: 7 },
  ),
);
const read: fc.Arbitrary<Document> = fc.oneof(
  filter.map((one) => ({ find: "orders", filter: one, sort: { _id: 1 }, batchSize: 100 })),
  filter.map((query) => ({ count: "orders", query })),
  fc.tuple(filter, field).map(([query, key]) => ({ distinct: "orders", key, query })),
  fc
    .array(stage, { maxLength: 4 })
    .map((pipeline) => ({ aggregate: "orders", pipeline, cursor: { batchSize: 100 } })),
);
const write: fc.Arbitrary<Document> = fc.oneof(
  fc.tuple(filter, change, fc.boolean()).map(([q, u, multi]) => ({
    update: "orders",
    updates: [{ q, u, multi: multi && !("n" in u) }],
  })),
  fc
    .tuple(fc.integer({ min: 60, max: 69 }), change)
    .map(([_id, u]) => ({ update: "orders", updates: [{ q: { _id }, u, upsert: true }] })),
  fc
    .tuple(filter, fc.constantFrom(0, 1))
    .map(([q, limit]) => ({ delete: "orders", deletes: [{ q, limit }] })),
  fc.tuple(filter, change).map(([query, update]) => ({
    findAndModify: "orders",
    query,
    update,
    new: true,
    sort: { _id: 1 },
  })),
  filter.map((query) => ({ findAndModify: "orders", query, remove: true, sort: { _id: 1 } })),
  fc.integer({ min: 50, max: 59 }).map((_id) => ({ insert: "orders", documents: [{ _id, n: 1 }] })),
);

/** What a command gave, but for what says nothing: names of databases, order of groups. */
async function answer(database: Db, command: Document): Promise<unknown> {
  try {
    const {
      n,
      nModified,
      value: one,
      values,
      cursor,
      upserted,
      writeErrors,
    } = await database.command(command);
    const batch = (cursor as Document | undefined)?.["firstBatch"] as Document[] | undefined;
    const unordered = batch?.map((document) => JSON.stringify(document)).toSorted();
    const failed = writeErrors === undefined ? undefined : "failed";
    return {
      n,
      nModified,
      one: one ?? null,
      values: (values as unknown[] | undefined)?.toSorted(),
      unordered,
      upserted,
      failed,
    };
  } catch {
    return "failed";
  }
}

const stored = (database: Db, filtered: Document = {}) =>
  database.collection("orders").find(filtered).sort({ _id: 1 }).toArray();
const foreign = { tenantId: { $ne: TENANT } };

describeMongo(
  "a scoped command on all documents gives what the command gives on the tenant's alone",
  (mongo) => {
    const at = (database: Db): CommandScope => ({
      kind: "tenant",
      database: database.databaseName,
      field: "tenantId",
      tenant: TENANT,
      isShared: () => false,
      serverVersion: [4, 4],
      // It does not know $regexMatch, which a join of a server before 5.0 needs where a collation may be.
      isBinary: () => mongo.engine === "mongo-java-server",
    });

    test("for reads of any shape", async () => {
      const [mixed, alone] = [mongo.database(), mongo.database()];
      await mixed.collection("orders").insertMany(structuredClone(all));
      await alone.collection("orders").insertMany(structuredClone(own));
      let answered = 0;
      await fc.assert(
        fc.asyncProperty(read, async (command) => {
          const expected = await answer(alone, structuredClone(command));
          expect(await answer(mixed, scopeCommand(command, at(mixed)))).toEqual(expected);
          if (expected !== "failed") answered += 1;
        }),
        { numRuns: RUNS, seed: 7 },
      );
      // Most have to be commands that the server understands.
      expect(answered).toBeGreaterThan(RUNS / 2);
    });

    test("for writes of any shape, which leave what is not the tenant's as it is", async () => {
      let answered = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 4 }), async (commands) => {
          const [mixed, alone] = [mongo.database(), mongo.database()];
          await mixed.collection("orders").insertMany(structuredClone(all));
          await alone.collection("orders").insertMany(structuredClone(own));
          const others = await stored(mixed, foreign);
          for (const command of commands) {
            const expected = await answer(alone, withTenant(structuredClone(command)));
            expect(await answer(mixed, scopeCommand(command, at(mixed)))).toEqual(expected);
            if (expected !== "failed") answered += 1;
          }
          expect(await stored(mixed, foreign)).toEqual(others);
          expect(await stored(mixed, { tenantId: TENANT })).toEqual(await stored(alone));
          await mixed.dropDatabase();
          await alone.dropDatabase();
        }),
        { numRuns: RUNS / 3, seed: 7 },
      );
      expect(answered).toBeGreaterThan(RUNS / 3);
    });
  },
);

/** What an application without a guard writes by hand: the tenant in each document that it stores. */
function withTenant(command: Document): Document {
  for (const document of (command["documents"] ?? []) as Document[]) document["tenantId"] = TENANT;
  for (const { u, upsert } of (command["updates"] ?? []) as { u: Document; upsert?: boolean }[]) {
    if ("n" in u) u["tenantId"] = TENANT;
    else if (upsert === true && u["$set"]?.["tenantId"] === undefined)
      u["$setOnInsert"] = { tenantId: TENANT };
  }
  const update = command["update"] as Document | string | undefined;
  if (typeof update === "object" && "n" in update) update["tenantId"] = TENANT;
  return command;
}
