import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConformanceResult } from "partywall/testing";
import type { Reporter } from "vitest/node";

const PAGE = fileURLToPath(new URL("../../docs/adapters/capabilities.md", import.meta.url));

/**
 * Compares what the conformance suites found with the page that shows it, and fails the run where they differ; with
 * `PARTYWALL_MATRIX=write` it writes the page.
 */
export default class CapabilityReporter implements Reporter {
  readonly #results = join(tmpdir(), `partywall-conformance-${process.pid}.jsonl`);

  onInit(): void {
    rmSync(this.#results, { force: true });
    // The workers are started later and inherit it.
    process.env["PARTYWALL_CONFORMANCE_RESULTS"] = this.#results;
  }

  async onTestRunEnd(): Promise<void> {
    if (!existsSync(this.#results)) return;
    const lines = readFileSync(this.#results, "utf8").trim().split("\n");
    rmSync(this.#results);
    // Loaded late: the reporter is there before the paths of the package are.
    const { differences, matrixIn, matrixOf, missingOf, pageOf } =
      await import("./capability-matrix.js");
    const found = matrixOf(lines.map((line) => JSON.parse(line) as ConformanceResult));
    const said = matrixIn(existsSync(PAGE) ? readFileSync(PAGE, "utf8") : "");
    if (process.env["PARTYWALL_MATRIX"] === "write") {
      // What was not run now stays as it was found before.
      writeFileSync(PAGE, pageOf(new Map([...said, ...found])));
      process.stdout.write(`\nWrote ${PAGE}: ${[...found.keys()].join(", ")}\n`);
      return;
    }
    process.stdout.write(missingOf(found));
    const wrong = differences(found, said);
    if (wrong.length === 0) return;
    process.exitCode = 1;
    process.stdout.write(
      `\ndocs/adapters/capabilities.md does not say what the tests found. Run \`npm run matrix\` on Node.js 24:\n${wrong.map((one) => `  ${one}\n`).join("")}`,
    );
  }
}
