import { describe, expect, test } from "vitest";
import { CATALOGUE, OPEN_COMMANDS } from "../../../../src/guards/mongodb/command/catalogue.js";
import {
  passesAnywhere,
  scopeCommand,
} from "../../../../src/guards/mongodb/command/scope-command.js";
import { ACME, CENTRAL, expectRefused, MINE, OWN_DATABASE, sent } from "./issue.js";

const SCOPES = [ACME, CENTRAL, OWN_DATABASE];

describe("a command", () => {
  test.each(
    `mapReduce mapreduce eval $eval group geoNear geoSearch drop dropDatabase dropIndexes deleteIndexes renameCollection collMod
     collStats dbStats dataSize validate reIndex compact convertToCapped cloneCollection copydb currentOp killOp serverStatus
     top getLog profile listDatabases listCommands getParameter setParameter createUser updateUser usersInfo grantRolesToUser
     createRole shutdown fsync replSetGetStatus shardCollection enableSharding moveChunk applyOps killSessions
     killAllSessions setProfilingLevel logout createSearchIndexes dropSearchIndex updateSearchIndex getClusterParameter brandNew Find $query`.split(
      /\s+/,
    ),
  )("%s is refused by its name", (name) => {
    for (const at of SCOPES) {
      expectRefused({ [name]: "orders" }, "PW_STATEMENT_REFUSED", name.replace("$", "\\$"), at);
      expectRefused(
        { [name]: "orders", find: "orders", filter: {} },
        "PW_STATEMENT_REFUSED",
        "",
        at,
      );
      expectRefused({ explain: { [name]: "orders" } }, "PW_STATEMENT_REFUSED", "", at);
    }
    expect(scopeCommand({ [name]: "orders" }, { ...ACME, kind: "system" })).toEqual({
      [name]: "orders",
    });
  });

  test("is told by its first member, as the server tells it", () => {
    expectRefused({ 1: "x", find: "orders" }, "PW_STATEMENT_REFUSED");
    expectRefused({ filter: {}, find: "orders" }, "PW_STATEMENT_REFUSED", "filter");
    expectRefused({}, "PW_STATEMENT_REFUSED");
  });

  test("whose name may be data is refused without repeating it", () => {
    const name = "secret of \n acme";
    expectRefused({ [name]: 1 }, "PW_STATEMENT_REFUSED", /^(?!.*secret)/s);
  });

  test.each(Object.entries(CATALOGUE))(
    "%s with an option that is not known is refused",
    (_known, { names }) => {
      for (const name of names) {
        for (const option of [
          "brandNew",
          "$where",
          "lsid",
          "txnNumber",
          "runtimeConstants",
          "fromMongos",
          "$db",
        ])
          expectRefused(
            { [name]: "orders", [option]: 1 },
            "PW_STATEMENT_REFUSED",
            option.replace("$", "\\$"),
            OWN_DATABASE,
          );
      }
    },
  );

  test("of another database than it goes to is refused", () => {
    expectRefused({ find: "orders", $db: "other" }, "PW_STATEMENT_REFUSED", "\\$db");
    expectRefused({ explain: { find: "orders", $db: "other" } }, "PW_STATEMENT_REFUSED", "\\$db");
    for (const database of ["admin", "config", "local", "Admin", ""])
      expectRefused({ find: "orders" }, "PW_STATEMENT_REFUSED", "database", { ...ACME, database });
    expectRefused({ find: "orders" }, "PW_STATEMENT_REFUSED", "database", {
      ...ACME,
      isHome: () => false,
    });
  });

  test.each([
    "system.users",
    "system.js",
    "system.buckets.orders",
    "$cmd",
    "$cmd.aggregate",
    "",
    "a\0b",
    1,
    true,
    null,
    { a: 1 },
    ["orders"],
  ])("cannot reach the collection %j", (collection) => {
    for (const name of [
      "find",
      "count",
      "distinct",
      "insert",
      "update",
      "delete",
      "findAndModify",
      "listIndexes",
    ])
      for (const at of [ACME, OWN_DATABASE, CENTRAL])
        expectRefused(
          { [name]: collection, documents: [], updates: [], deletes: [] },
          "PW_STATEMENT_REFUSED",
          "",
          at,
        );
    if (collection !== 1)
      expectRefused({ aggregate: collection, pipeline: [] }, "PW_STATEMENT_REFUSED");
  });

  test("reads no tenant's collection in central scope", () => {
    for (const command of [
      { find: "orders" },
      { count: "orders" },
      { distinct: "orders", key: "a" },
      { aggregate: "orders", pipeline: [] },
      { explain: { find: "orders" } },
    ])
      expectRefused(command, "PW_CENTRAL_SCOPE", "orders", CENTRAL);
  });

  test("that explains is scoped as what it explains", () => {
    expect(
      sent({ explain: { find: "orders", filter: { a: 1 } }, verbosity: "queryPlanner" }),
    ).toEqual({
      explain: { find: "orders", filter: { ...MINE, a: 1 } },
      verbosity: "queryPlanner",
    });
    expectRefused(
      { explain: { aggregate: "orders", pipeline: [{ $out: "x" }] } },
      "PW_STATEMENT_REFUSED",
      "out",
    );
    for (const inner of [
      { explain: { find: "orders" } },
      { ping: 1 },
      { bulkWrite: 1 },
      "find",
      null,
      { getMore: 1 },
    ])
      expectRefused({ explain: inner }, "PW_STATEMENT_REFUSED");
  });

  test("that creates a collection creates a plain one, where it concerns no tenant", () => {
    expect(sent({ create: "orders", validator: { a: { $exists: true } } }, CENTRAL)).toEqual({
      create: "orders",
      validator: { a: { $exists: true } },
    });
    for (const option of [
      "viewOn",
      "pipeline",
      "capped",
      "size",
      "timeseries",
      "collation",
      "clusteredIndex",
      "expireAfterSeconds",
    ])
      expectRefused({ create: "orders", [option]: 1 }, "PW_STATEMENT_REFUSED", option, CENTRAL);
    expectRefused({ create: "orders" }, "PW_STATEMENT_REFUSED", "create");
    expectRefused({ create: "countries" }, "PW_STATEMENT_REFUSED", "countries", CENTRAL);
    expectRefused(
      { create: "orders", validator: { $expr: { $function: {} } } },
      "PW_STATEMENT_REFUSED",
      "function",
      CENTRAL,
    );
  });

  test.each(OPEN_COMMANDS)("%s carries no document and passes anywhere", (name) => {
    const command = { [name]: 1, anything: { $where: 1 } };
    expect(passesAnywhere(command)).toBe(true);
    for (const at of SCOPES) expect(scopeCommand(command, at)).toEqual(command);
  });

  test("of a cursor is left to the connection's guard", () => {
    for (const command of [
      { getMore: 5n, collection: "orders", batchSize: 2 },
      { killCursors: "orders", cursors: [5n] },
    ]) {
      expect(passesAnywhere(command)).toBe(false);
      expect(scopeCommand(command, ACME)).toEqual(command);
    }
  });

  test("that lists definitions tells of no document", () => {
    expect(sent({ listIndexes: "orders", cursor: {} }, CENTRAL)).toEqual({
      listIndexes: "orders",
      cursor: {},
    });
    expect(sent({ listCollections: 1, filter: { name: "x" }, nameOnly: true })).toEqual({
      listCollections: 1,
      filter: { name: "x" },
      nameOnly: true,
    });
    expectRefused({ listCollections: 1, filter: { $where: "1" } }, "PW_STATEMENT_REFUSED", "where");
  });
});
