import * as mongodb from "mongodb";
import type { Document } from "mongodb";
import { createPartywall } from "partywall";
import { guardMongo, type GuardMongoOptions, type MongoAudit } from "partywall/guards/mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CHECKS } from "../../../../src/guards/mongodb/audit/checks.js";
import { auditServer } from "../../../../src/guards/mongodb/audit/audit.js";
import { Look, type AuditSubject } from "../../../../src/guards/mongodb/audit/look.js";
import { startMongoListener, type MongoListener } from "../../../support/mongo-listener.js";
import { mongoMendingScript } from "partywall/guards/mongodb";
import { mend } from "./mend.js";

// What no server of the tests has: logins, validators, the operations under way. They answer as MongoDB's manual says.
const APP = { user: "shop", db: "admin" };
const SYSTEM = { user: "shop_system", db: "admin" };
const MONGOD = {
  ok: 1,
  version: "8.0.17",
  versionArray: [8, 0, 17, 0],
  gitVersion: "0123456789abcdef0123456789abcdef01234567",
  javascriptEngine: "none",
};
const READ_WRITE = [
  { resource: { db: "shop", collection: "" }, actions: ["find", "insert", "update", "remove"] },
  { resource: { db: "shop", collection: "system.js" }, actions: ["find", "insert", "update"] },
];
const VALID = { validator: { $jsonSchema: { required: ["tenantId"] } } };

interface Answers {
  readonly build?: Document;
  readonly app?: Document[];
  readonly system?: Document[];
  readonly privileges?: Document[] | undefined;
  readonly operations?: Document[];
  readonly collections?: Document[];
  readonly options?: Document;
}

describe("the audit of what a MongoDB server says", () => {
  let listener: MongoListener;
  beforeEach(async () => {
    listener = await startMongoListener();
  });
  afterEach(() => listener.close());

  const plant = (answers: Answers) => {
    const { build = MONGOD, app = [APP], system = [SYSTEM], options = { parsed: {} } } = answers;
    const privileges =
      "privileges" in answers
        ? answers.privileges === undefined
          ? {}
          : { authenticatedUserPrivileges: answers.privileges }
        : { authenticatedUserPrivileges: READ_WRITE };
    const status = (users: Document[]) => ({
      ok: 1,
      authInfo: { authenticatedUsers: users, ...privileges },
    });
    listener.answerNext("buildInfo", build);
    listener.answerNext("getCmdLineOpts", { ok: 1, ...options });
    listener.answerNext("connectionStatus", status(app));
    listener.answerNext("connectionStatus", status(system));
    listener.answerNext("aggregate", batch("admin.$cmd.aggregate", answers.operations ?? []));
    listener.answerNext(
      "listCollections",
      batch("shop.$cmd.listCollections", answers.collections ?? []),
    );
  };
  const batch = (ns: string, firstBatch: Document[]) => ({
    ok: 1,
    cursor: { id: mongodb.Long.ZERO, ns, firstBatch },
  });

  const audit = async (
    answers: Answers = {},
    options: Partial<GuardMongoOptions> = {},
  ): Promise<MongoAudit> => {
    plant(answers);
    const url = `${listener.url}shop`;
    const guard = guardMongo(mongodb, { app: url, system: url, ...options });
    const pw = createPartywall({ realm: `ms-${Math.random()}`, mongodb: guard });
    try {
      return await pw.system({ reason: "a test" }, () => guard.audit());
    } finally {
      await pw.close();
    }
  };
  const codes = async (answers?: Answers) =>
    (await audit(answers)).findings.map(({ code }) => code);

  test("finds nothing where the logins have what they need, and asks them all", async () => {
    expect(await audit()).toEqual({
      database: "shop",
      login: "shop@admin",
      findings: [],
      unseen: [],
    });
    const sent = listener.commands().map((command) => Object.keys(command)[0]);
    expect(new Set(sent)).toEqual(
      new Set(["connectionStatus", "aggregate", "listCollections", "buildInfo"]),
    );
  });

  test("one login for both scopes is found", async () => {
    const { findings } = await audit({ system: [APP] });
    expect(findings).toMatchObject([
      { code: "login-is-system", severity: "high", object: "shop@admin" },
    ]);
  });

  test.each([
    ["login-administers", { resource: { anyResource: true }, actions: ["anyAction"] }],
    ["login-administers", { resource: { db: "shop", collection: "" }, actions: ["createUser"] }],
    ["login-administers", { resource: { cluster: true }, actions: ["shutdown"] }],
    ["login-reaches-databases", { resource: { db: "", collection: "" }, actions: ["find"] }],
    ["login-reaches-databases", { resource: { db: "payroll", collection: "" }, actions: ["find"] }],
    [
      "login-changes-definitions",
      { resource: { db: "shop", collection: "" }, actions: ["collMod"] },
    ],
    [
      "login-changes-definitions",
      { resource: { db: "shop", collection: "" }, actions: ["bypassDocumentValidation"] },
    ],
    ["login-watches", { resource: { cluster: true }, actions: ["inprog"] }],
  ])("a right beyond those of an application is found: %s, %j", async (code, privilege) => {
    expect(await codes({ privileges: [...READ_WRITE, privilege] })).toEqual([code]);
    expect(await codes()).toEqual([]);
  });

  test("rights that the server does not tell are no clean bill", async () => {
    const { findings, unseen } = await audit({ privileges: undefined });
    expect(findings).toEqual([]);
    expect(new Set(unseen.map(({ code }) => code))).toEqual(
      new Set([
        "login-administers",
        "login-changes-definitions",
        "login-reaches-databases",
        "login-watches",
      ]),
    );
  });

  test("a server elsewhere that asks for no login, or is spoken to in the clear, is found", async () => {
    const client = new mongodb.MongoClient(listener.url);
    const at = (host: string, tls = false) => ({
      options: { dbName: "shop", hosts: [{ host }, { socketPath: "/run/mongod.sock" }], tls },
      db: (name?: string) => client.db(name),
    });
    const checks = CHECKS.filter(({ code }) => code.startsWith("server-without-"));
    const look = async (host: string, users: Document[], tls?: boolean) => {
      const authInfo = { authenticatedUsers: users };
      listener.answerNext("connectionStatus", { ok: 1, authInfo });
      const one = at(host, tls) as unknown as Look["app"];
      const { findings } = await auditServer(new Look(one, one, {} as AuditSubject), checks);
      return findings.map(({ code, object }) => `${code} ${object}`);
    };
    for (const host of ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"]) {
      expect(await look(host, [])).toEqual([]);
    }
    for (const host of ["db.example.com", "10.0.0.7", "127.example.com", "localhost.example.com"]) {
      const [login, tls] = [`server-without-login ${host}`, `server-without-tls ${host}`];
      expect(await look(host, [])).toEqual([login, tls]);
      expect(await look(host, [APP])).toEqual([tls]);
      expect(await look(host, [], true)).toEqual([login]);
      expect(await look(host, [APP], true)).toEqual([]);
    }
    await client.close();
  });

  test("JavaScript on the server is found where it is on", async () => {
    const build = { ...MONGOD, javascriptEngine: "mozjs" };
    const found = ["login-stores-functions", "server-runs-javascript"];
    expect(await codes({ build })).toEqual(found);
    const security = { javascriptEnabled: false };
    expect(await codes({ build, options: { parsed: { security } } })).toEqual([]);
  });

  test.each([
    ["8.2.2", true],
    ["8.2.3", false],
    ["8.0.16", true],
    ["7.0.27", true],
    ["7.0.28", false],
    ["6.1.0", true],
    ["4.2.25", true],
    ["8.3.0", false],
    ["9.0.0", false],
  ])("the release %s is found to be one with a known weakness: %s", async (version, isWeak) => {
    const build = { ...MONGOD, version, versionArray: [...version.split(".").map(Number), 0] };
    const { findings } = await audit({ build });
    expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual(
      isWeak ? [`server-outdated-mongodb ${version}`] : [],
    );
  });

  test("a client of the application's login without the guard is found, and the guard's own are not", async () => {
    const connection = (driver: string, user = APP, application?: string): Document => ({
      type: "op",
      effectiveUsers: [user],
      ...(application === undefined ? {} : { appName: application }),
      clientMetadata: { driver: { name: driver, version: "7.9.0" } },
    });
    const own = [
      connection("nodejs|partywall"),
      connection("nodejs|Mongoose|partywall", APP, "the shop"),
      connection("nodejs", SYSTEM),
      connection("mongosh", { user: "operator", db: "admin" }),
      // What the server and the driver do for themselves has no user.
      { type: "op", clientMetadata: { driver: { name: "nodejs" } } },
      { ...connection("nodejs"), clientMetadata: { application: { name: "partywall audit" } } },
    ];
    expect(await codes({ operations: own })).toEqual([]);
    const bare = [connection("nodejs|Mongoose"), connection("nodejs|Mongoose")];
    const { findings } = await audit({
      operations: [...own, ...bare, connection("PyMongo", APP, "reports")],
    });
    expect(
      findings.map(({ code, object, why }) => [code, object, why.match(/\(.*\)/)?.[0]]),
    ).toEqual([
      ["connection-unguarded", "nodejs|Mongoose", "(2 connections)"],
      ["connection-unguarded", 'PyMongo, application "reports"', "(1 connection)"],
    ]);
  });

  test("what the server refuses to show is no clean bill, and its words are not told", async () => {
    listener.answerNext("aggregate", {
      ok: 0,
      code: 13,
      codeName: "Unauthorized",
      errmsg: "not authorized to see { secret: 1 }",
    });
    const { findings, unseen } = await audit();
    expect(findings).toEqual([]);
    expect(unseen).toEqual([
      {
        code: "connection-unguarded",
        severity: "high",
        object: "the server",
        why: "the server answered Unauthorized",
      },
    ]);
  });

  test("collections without a validator, views, time series and capped ones are found", async () => {
    const collections = [
      { name: "orders", type: "collection", options: VALID },
      { name: "bare", type: "collection", options: {} },
      { name: "warned", type: "collection", options: { ...VALID, validationAction: "warn" } },
      { name: "other", type: "collection", options: { validator: { n: { $gt: 0 } } } },
      { name: "both", type: "collection", options: { validator: { $and: [{}, VALID.validator] } } },
      { name: "last", type: "collection", options: { ...VALID, capped: true } },
      { name: "all", type: "view", options: { viewOn: "orders", pipeline: [] } },
      { name: "series", type: "timeseries", options: { timeseries: { timeField: "at" } } },
      {
        name: "own_series",
        type: "timeseries",
        options: { timeseries: { timeField: "at", metaField: "tenantId" } },
      },
      { name: "system.views", type: "collection", options: {} },
      { name: "plans", type: "collection", options: {} },
    ];
    const { findings } = await audit({ collections }, { shared: ["plans"] });
    expect(findings.map(({ code, object }) => `${code} ${object}`)).toEqual([
      "view shop.all",
      "capped-collection shop.last",
      "time-series-tenant shop.series",
      "validator-missing shop.bare",
      "validator-missing shop.other",
      "validator-missing shop.warned",
    ]);
    // Mended by the script, as mongosh would send it.
    const client = new mongodb.MongoClient(listener.url);
    listener.clear();
    await mend(client, mongoMendingScript(findings));
    await client.close();
    const validator = VALID.validator;
    expect(listener.commands().filter((command) => "collMod" in command)).toMatchObject([
      { collMod: "bare", $db: "shop", validator },
      { collMod: "other", $db: "shop", validator: { $and: [{ n: { $gt: 0 } }, validator] } },
      { collMod: "warned", validationAction: "error", validationLevel: "strict" },
    ]);
  });
});
