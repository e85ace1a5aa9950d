import type { Db, Document } from "mongodb";
import { expect, test } from "vitest";
import type { CommandScope } from "../../../../src/guards/mongodb/command/command-scope.js";
import { scopeCommand } from "../../../../src/guards/mongodb/command/scope-command.js";
import { describeMongo } from "../../../support/mongo.js";
import { MONGO_ENGINES } from "../../../support/mongo-servers.js";
import { fill, type Trial } from "./operations/operation.js";
import { OPERATIONS } from "./operations/operations.js";

const OTHERS = { tenantId: { $nin: ["acme", "globex", "ACME"] } };

function trialOn(database: Db): Trial {
  const as = async (tenant: string, command: Document, change: Partial<CommandScope> = {}) => {
    const at = {
      kind: "tenant",
      database: database.databaseName,
      field: "tenantId",
      tenant,
      isShared: (name: string) => name === "countries",
      ...change,
    } as const;
    return database.command(scopeCommand(command, at));
  };
  return {
    as,
    read: async (...command) =>
      ((await as(...command))["cursor"] as Document)["firstBatch"] as Document[],
    database,
  };
}

describeMongo("a scoped command keeps the tenant's", (mongo) => {
  for (const { name, on = MONGO_ENGINES, run } of OPERATIONS) {
    const trial = async () => {
      const database = mongo.database();
      await fill(database);
      const trying = trialOn(database);
      const seen = () => database.collection("orders").find(OTHERS).toArray();
      const before = await seen();
      await run(trying);
      expect(await seen()).toEqual(before);
      const known = await database.collection("orders").distinct("tenantId");
      expect(known.every((one) => ["acme", "globex", "ACME"].includes(one as string))).toBe(true);
    };
    const can = on.includes(mongo.engine);
    test(can ? name : `${name}, which this server cannot do`, async () => {
      const trying = trial();
      if (can) await expect(trying).resolves.toBeUndefined();
      else await expect(trying).rejects.toThrow(/./);
    });
  }
});
