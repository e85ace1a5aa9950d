import type { Reporter, TestModule } from "vitest/node";
import { ONLY_BY_NAME } from "./required.js";

/** Stands in the name of a skipped suite or test, between its title and the reason. */
export const SKIPPED_FOR = " ⟂ no ";

/** Names, at the end of the run, every suite and test that was skipped because what it needs is missing. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const lines: string[] = [];
    for (const module of modules) {
      for (const { name } of [...module.children.allSuites(), ...module.children.allTests()]) {
        const [title, reason] = name.split(SKIPPED_FOR);
        if (reason)
          lines.push(`  ${module.relativeModuleId} > ${title} (no ${reason.split("\n")[0]})`);
      }
    }
    if (lines.length === 0) return;
    process.stdout.write(
      `\nSuites skipped because what they need is missing (PARTYWALL_REQUIRE=all makes a missing engine a failure, ` +
        `but for ${ONLY_BY_NAME.join(", ")}, which it must name):\n` +
        `${lines.join("\n")}\n`,
    );
  }
}
