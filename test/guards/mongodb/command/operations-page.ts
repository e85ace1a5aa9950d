import {
  CATALOGUE,
  OPEN_COMMANDS,
  STAGES,
  type CatalogueEntry,
} from "../../../../src/guards/mongodb/command/catalogue.js";
import {
  FIELD_OPERATORS,
  FILTER_OPERATORS,
  LOGICAL_OPERATORS,
} from "../../../../src/guards/mongodb/command/filter-operators.js";
import { EXPRESSION_OPERATORS } from "../../../../src/guards/mongodb/command/expression-operators.js";
import { LOCAL_STAGES } from "../../../../src/guards/mongodb/command/stages.js";
import { UPDATE_OPERATORS } from "../../../../src/guards/mongodb/command/update.js";
import { UPDATE_STAGES } from "../../../../src/guards/mongodb/command/update-pipeline.js";
import { MONGO_ENGINES, type MongoEngine } from "../../../support/mongo-servers.js";
import type { Call } from "../../../adapters/mongoose/calls/call.js";
import { CALLS, REFUSED } from "../../../adapters/mongoose/calls/calls.js";
import { OPERATIONS } from "./operations/operations.js";

const list = (names: Iterable<string>) =>
  [...names]
    .toSorted((one, other) => one.localeCompare(other))
    .map((name) => `\`${name}\``)
    .join(", ");

/** Where the tests have not run yet. */
const AHEAD: readonly MongoEngine[] = ["mongod"];

function mark(on: readonly MongoEngine[], engine: MongoEngine): string {
  if (!on.includes(engine)) return "–";
  return AHEAD.includes(engine) ? "○" : "✓";
}

function commandRow({ names, how, tenant, central }: CatalogueEntry): string {
  const where = tenant === "database" ? "own database" : tenant ? "✓" : "–";
  return `| ${names.map((name) => `\`${name}\``).join(", ")} | ${how} | ${where} | ${central ? "✓" : "–"} |`;
}

const marks = (on: readonly MongoEngine[] = MONGO_ENGINES) =>
  MONGO_ENGINES.map((engine) => mark(on, engine)).join(" | ");

function howOf(command: string): string {
  const entry = Object.values(CATALOGUE).find(({ names }) =>
    (names as readonly string[]).includes(command),
  );
  return entry?.how ?? "as it is, in the session of its scope";
}

function callRow({ name, commands, on }: Call): string {
  const seen = [...new Set(commands)];
  const said = seen.map((command) => `\`${command}\``).join(", ");
  const stage = STAGES.find(({ names }) => names.some((one) => name.includes(one)));
  const how =
    stage?.how ??
    seen
      .filter((one) => one !== "getMore")
      .map(howOf)
      .join("; ");
  return `| ${name} | ${said} | ${how} | ${marks(on)} |`;
}

/** The page of the operations, made of the catalogue that the guard decides by and of what is tried on servers. */
export const operationsPage = (): string => `# MongoDB: what is done to each operation

Made of the guard's own catalogue by \`npm run operations\`; never edited. A test compares it. What is not named here is refused in a
tenant's and in central scope, with its name and before anything is sent: commands, their options, stages and operators. In system scope
nothing is scoped.

## Commands

"own database" stands for a tenant whose database is its alone; there documents are neither filtered nor stamped, and all else holds.
Central scope reads shared collections and no tenant's.

| command | what is done | tenant scope | central scope |
| --- | --- | --- | --- |
${Object.values(CATALOGUE).map(commandRow).join("\n")}

Passing as they are, in every scope and outside of any: ${list(OPEN_COMMANDS)}.

## Stages of a pipeline

| stage | what is done |
| --- | --- |
${STAGES.map(({ names, how }) => `| ${list(names)} | ${how} |`).join("\n")}

As they are, since they see only the documents that reach them: ${list(LOCAL_STAGES)}.

In the pipeline of an update: ${list(UPDATE_STAGES)}; behind them a \`$set\` of the tenant.

## Operators

In filters: ${list([...LOGICAL_OPERATORS, ...FILTER_OPERATORS, "$expr", ...FIELD_OPERATORS])}.

In updates: ${list(UPDATE_OPERATORS)}.

In expressions: ${list(EXPRESSION_OPERATORS)}.

## Calls

What Mongoose 9 and 8 and the driver within make of a call, and what is done to it. Each was made in a tenant's scope beside another
tenant with documents alike, whose own were neither in the answer nor changed, by a connection without a guard. – the server cannot do it,
which is asserted too. Every call is made against a listener as well, where the commands are looked at as they are on the wire; ○ there alone.

| call | command seen | how it is scoped | ${MONGO_ENGINES.join(" | ")} |
| --- | --- | --- | ${MONGO_ENGINES.map(() => ":-:").join(" | ")} |
${CALLS.map(callRow).join("\n")}

Refused, with nothing on the wire: ${REFUSED.map(({ name }) => name).join(", ")}.

## What stays open

- \`_id\` is unique in a collection: storing one that another tenant has fails, and so tells that it is taken. Let the driver make them.
- A unique index that does not begin with the tenant tells the same of its field. In central scope the guard creates none.
- A view is refused in the databases that tenants share, unless the application vouches for it; then the tenant is asked of what it gives, and
  what it joins or sums up across tenants is in that. One that is made beside the guard is known to it a minute later.
- Scores of \`$search\` and \`$vectorSearch\`, and what \`explain\` counts, are computed over the documents of all.
- A document whose tenant is a list belongs to each in it. The guard stores none.
- Indexes that expire, and those that are hashed, \`2d\`, wildcard or sparse over several fields, do not begin with the tenant: it is a matter of
  speed alone, since none of them is unique.
- Two tenants whose names a collation takes for one are told apart by bytes, by a pattern beside the equality. Under \`$text\` it is an \`$expr\`.

## Commands tried on servers

Each with two tenants in one database, and asserted through a connection without a guard. – the server cannot do it, which is asserted too.
○ there is the test, and it has not run there yet: it runs where \`PARTYWALL_TEST_MONGODB_URL\` names a \`mongod\`. Until then the tests assert
the command that is sent.

| operation | ${MONGO_ENGINES.join(" | ")} |
| --- | ${MONGO_ENGINES.map(() => ":-:").join(" | ")} |
${OPERATIONS.map(({ name, on }) => `| ${name} | ${marks(on)} |`).join("\n")}
`;
