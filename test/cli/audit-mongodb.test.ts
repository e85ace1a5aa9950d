import { symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Db } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuditReport } from "../../src/cli/actions/audit.js";
import { mend } from "../guards/mongodb/audit/mend.js";
import { ROOT } from "../house/run.js";
import { describeMongo } from "../support/mongo.js";
import { createProject, type Project } from "./project.js";

const CONFIG = `
import { definePartywallConfig } from "partywall/cli";

export default definePartywallConfig({
  entry: "./src/tenancy.ts",
  mongodb: { references: [{ from: "orders.customer", to: "customers._id" }], maxTimeMs: 5000 },
});
`;

const TENANCY = `
import * as mongodb from "mongodb";
import { createPartywall } from "partywall";
import { memoryStore } from "partywall/registry";
import { guardMongo } from "partywall/guards/mongodb";

const { APP_URL } = process.env;
const store = memoryStore();
export const pw = createPartywall({
  store,
  mongodb: guardMongo(mongodb, { app: APP_URL, system: APP_URL }),
});
const made = pw.tenants.create({ id: "acme-id", slug: "acme", name: "Acme" });
const ready = pw.ready;
export default { ...pw, ready: async () => { await made; await ready(); } };
`;

// What no server of the tests can show.
const ACCEPT = ["--accept", "connection-unguarded"];

describeMongo("partywall audit of MongoDB", (mongo) => {
  let project: Project;
  let database: Db;
  const audit = (...args: string[]) => project.run(["audit", ...ACCEPT, ...args]);
  const report = async (...args: string[]) =>
    JSON.parse((await audit("--json", ...args)).stdout) as AuditReport;
  const codes = async () => (await report()).findings.map(({ code }) => code);

  beforeAll(async () => {
    database = mongo.database();
    project = await createProject();
    await symlink(`${ROOT}node_modules/mongodb`, join(project.folder, "node_modules", "mongodb"));
    await project.write("partywall.config.ts", CONFIG);
    await project.write("src/tenancy.ts", TENANCY.replace("export const pw", "const pw"));
    project.env["APP_URL"] = mongo.url + database.databaseName;
    for (const name of ["orders", "customers"]) {
      await database.collection(name).createIndex({ tenantId: 1 });
    }
    await database.collection("orders").insertOne({ tenantId: "acme-id" });
  });
  afterAll(() => project?.remove());

  test("finds nothing where the guard stands, and says what could not be looked at", async () => {
    const people = await audit("--fail-on", "high");
    expect(people).toMatchObject({ code: 0, stderr: "" });
    expect(people.stdout).toContain(
      "high  connection-unguarded  the connections of the application's login  (accepted)\n  Could not be looked at: without a login they cannot be told from others.",
    );
    expect(people.stdout).toContain(`${database.databaseName}: nothing found, `);
    expect(people.stdout).toContain("1 accepted.\nThe proof stands.");
    expect(await report()).toMatchObject({
      database: database.databaseName,
      login: "",
      proof: "stands",
      findings: [],
      mongodb: { database: database.databaseName, login: "" },
    });
    const strict = await project.run(["audit"]);
    expect(strict.code).toBe(1);
  });

  test("--fix prints one script for mongosh that mends what can be, and runs none of it", async () => {
    const orders = database.collection("orders");
    const theirs = await database.collection("customers").insertOne({ tenantId: "other-id" });
    await orders.insertOne({ tenantId: "acme-id", n: 2, customer: theirs.insertedId });
    await orders.createIndex({ email: 1, n: 1 }, { unique: true, name: "planted" });
    const all = [
      "reference-crosses-tenants",
      "unique-index-without-tenant",
      "document-of-unknown-tenant",
    ];
    expect(await codes()).toEqual(all);
    const { code, stdout } = await audit("--fix");
    expect(code).toBe(1);
    expect(stdout).toContain("// For you to decide: Find out which of the two is wrong");
    expect(stdout.split("\n").filter((line) => !/^(\/\/|db\.|$)/.test(line))).toEqual([]);
    expect(await codes()).toEqual(all);
    await mend(mongo.client, stdout);
    expect(await codes()).toEqual(all.filter((one) => !one.startsWith("unique")));
    await database.collection("customers").deleteMany({});
    expect(await codes()).toEqual([]);
  });

  test("a wire that the application does not guard is refused", async () => {
    expect(await audit("--wire", "postgres")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("the application guards mongodb only"),
    });
    expect(await audit("--wire", "mongodb", "--catalogue-only")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("MongoDB is audited through the application"),
    });
    expect((await audit("--wire", "mongodb")).code).toBe(0);
  });
});
