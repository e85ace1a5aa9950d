import { BSON } from "mongodb";
import { expect } from "vitest";
import type { ErrorCode } from "../../../../src/errors.js";
import type {
  CommandScope,
  Document,
} from "../../../../src/guards/mongodb/command/command-scope.js";
import { scopeCommand } from "../../../../src/guards/mongodb/command/scope-command.js";

/** The scope of the tenant acme on a server whose collections have no collation; `countries` is shared. */
export const ACME: CommandScope = {
  kind: "tenant",
  database: "shop",
  field: "tenantId",
  tenant: "acme",
  isShared: (collection) => collection === "countries",
  isBinary: () => true,
};

/** The scope that belongs to no tenant. */
export const CENTRAL: CommandScope = { ...ACME, kind: "central", tenant: undefined };

/** The scope of a tenant with a database of its own. */
export const OWN_DATABASE: CommandScope = { ...ACME, strategy: "database" };

/** What goes over the wire in place of a command: serialised and read back. */
export const sent = (command: object, at: CommandScope = ACME): Document =>
  BSON.deserialize(BSON.serialize(scopeCommand(command as Document, at)));

/** The pipeline that is sent in place of one. */
export const sentPipeline = (pipeline: readonly object[], at: CommandScope = ACME): unknown =>
  sent({ aggregate: "orders", pipeline, cursor: {} }, at)["pipeline"];

/** Expects that a command is refused with a code, and that the message names something. */
export function expectRefused(
  command: object,
  code: ErrorCode,
  says: string | RegExp = "",
  at: CommandScope = ACME,
): void {
  let outcome: unknown = "it was sent";
  try {
    scopeCommand(command as Document, at);
  } catch (error) {
    outcome = error;
  }
  expect(outcome).toMatchObject({ code, message: expect.stringMatching(says) as string });
}

/** The tenant's part of a filter. */
export const MINE = { tenantId: { $eq: "acme" } };

/** The stage that keeps a pipeline to the tenant. */
export const MATCH = { $match: MINE };

/** Expects that a pipeline is refused, and that the message names something. */
export const expectPipelineRefused = (
  pipeline: readonly object[],
  says: string,
  at: CommandScope = ACME,
): void =>
  expectRefused({ aggregate: "orders", pipeline, cursor: {} }, "PW_STATEMENT_REFUSED", says, at);
