import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import { describeEngine } from "./engine.js";
import type { EngineName } from "./engines.js";
import { SKIPPED_FOR } from "./skipped-reporter.js";

/** Real data that lies in a folder beside the repository and not in it. */
const DATA = {
  chinook: new URL("../../../shared/data/Chinook_PostgreSql.sql", import.meta.url),
  chinookJson: new URL("../../../shared/data/ChinookData.json", import.meta.url),
} as const;

export type DataName = keyof typeof DATA;

/** `describeEngine` for suites that also need data from outside the repository, as {@link whereData} has it. */
export function describeData(
  data: DataName,
  engine: EngineName,
  title: string,
  suite: () => void,
): void {
  whereData(data, title, () => describeEngine(engine, title, suite));
}

/**
 * Defines suites that need data from outside the repository. Where the data is missing one is skipped and named at the end
 * of the run; with `PARTYWALL_REQUIRE=all` (or a list with the data's name) it fails.
 */
export function whereData(data: DataName, title: string, suites: () => void): void {
  const required = (process.env["PARTYWALL_REQUIRE"] ?? "").split(",");
  const why = `${DATA[data].pathname.split("/").slice(-3).join("/")} does not lie beside the repository`;
  if (existsSync(DATA[data])) {
    suites();
  } else if (required.includes("all") || required.includes(data)) {
    describe(title, () => {
      test(`has the data ${data}`, () => {
        throw new Error(`PARTYWALL_REQUIRE asks for ${data}, and it is missing: ${why}`);
      });
    });
  } else {
    describe.skip(`${title}${SKIPPED_FOR}${data}: ${why}`, () => {
      test.skip("needs the data", () => {});
    });
  }
}

/** Where the data lies. */
export const dataPath = (data: DataName): string => fileURLToPath(DATA[data]);
