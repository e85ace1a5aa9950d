// A process that runs an adoption plan until it is done or killed, and prints each event as a line of JSON.
//
//   node --import tsx test/adopt/live-load/runner.ts <url> <plan.json> <options as JSON>
import { readFileSync } from "node:fs";
import pg from "pg";
import type { AdoptionPlan } from "../../../src/adopt/plan.js";
import { runAdoption } from "../../../src/adopt/run/run-adoption.js";
import type { RunAdoptionOptions } from "../../../src/adopt/run/run-options.js";

const [url, planFile, given] = process.argv.slice(2) as [string, string, string];
const plan = JSON.parse(readFileSync(planFile, "utf8")) as AdoptionPlan;
const options = JSON.parse(given) as RunAdoptionOptions;
const print = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = new pg.Client({ connectionString: url });
await client.connect();
const report = await runAdoption(client, plan, { ...options, onProgress: print });
print({ type: "report", outcome: report.outcome });
await client.end();
