import { describe, inject, test } from "vitest";
import type { EngineName } from "./engines.js";
import { isRequired } from "./required.js";
import { SKIPPED_FOR } from "./skipped-reporter.js";

/**
 * `describe` for suites that need a database engine. Where the engine is missing the suite is skipped and named at the
 * end of the run, or fails where `PARTYWALL_REQUIRE` asks for the engine.
 *
 * @example
 * ```ts
 * describeEngine("postgres", "tenants are kept apart", () => { test("…", () => {}); });
 * ```
 */
export function describeEngine(name: EngineName, title: string, suite: () => void): void {
  const engine = inject("engines")[name];
  if ("url" in engine) {
    describe(title, suite);
  } else if (isRequired(name)) {
    describe(title, () => {
      test(`has the engine ${name}`, () => {
        throw new Error(`PARTYWALL_REQUIRE asks for ${name}, and it is missing: ${engine.missing}`);
      });
    });
  } else {
    describe.skip(`${title}${SKIPPED_FOR}${name}: ${engine.missing}`, () => {
      test.skip("needs the engine", () => {});
    });
  }
}

/** The superuser's connection string of an engine, or the file: URL of its program. Throws when it is missing: wrap the suite in `describeEngine`. */
export function engineUrl(name: EngineName): string {
  const engine = inject("engines")[name];
  if ("url" in engine) return engine.url;
  throw new Error(
    `The engine ${name} is missing: ${engine.missing}. Wrap the suite in describeEngine("${name}", …).`,
  );
}
