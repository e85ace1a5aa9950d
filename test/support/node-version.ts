import { describe, test } from "vitest";
import { SKIPPED_FOR } from "./skipped-reporter.js";

/**
 * `describe` for suites of a package that needs a newer Node.js than Partywall does. On an older one the suite is
 * skipped and named at the end of the run; CI runs all suites on both.
 *
 * @example
 * ```ts
 * describeNode(24, "Lucid", () => { test("…", () => {}); });
 * ```
 */
export function describeNode(major: number, title: string, suite: () => void): void {
  if (Number(process.versions.node.split(".")[0]) >= major) {
    describe(title, suite);
  } else {
    describe.skip(`${title}${SKIPPED_FOR}Node.js ${major}: this is ${process.versions.node}`, () => {
      test.skip("needs a newer Node.js", () => {});
    });
  }
}
