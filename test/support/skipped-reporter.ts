import type { Reporter, TestModule } from "vitest/node";

/** Stands in the name of a skipped suite, between its title and the reason. */
export const SKIPPED_FOR = " ⟂ no ";

/** Names, at the end of the run, every suite that was skipped because its engine, or its Node.js, is missing. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const lines: string[] = [];
    for (const module of modules) {
      for (const suite of module.children.allSuites()) {
        const [title, reason] = suite.name.split(SKIPPED_FOR);
        if (reason)
          lines.push(`  ${module.relativeModuleId} > ${title} (no ${reason.split("\n")[0]})`);
      }
    }
    if (lines.length === 0) return;
    process.stdout.write(
      `\nSuites skipped because what they need is missing (PARTYWALL_REQUIRE=all makes a missing engine a failure):\n` +
        `${lines.join("\n")}\n`,
    );
  }
}
