import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL(".", import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
  exports: Record<string, string | { default: string }>;
};

// "partywall" and its subpaths mean the sources, and what those are the exports map says: it cannot go stale.
const alias = Object.entries(manifest.exports).flatMap(([subpath, target]) => {
  if (typeof target === "string") return [];
  const source = target.default.replace(/^\.\/dist\/(.*)\.js$/, `${root}src/$1.ts`);
  const name = `partywall${subpath.slice(1)}`;
  return existsSync(source) ? [{ find: new RegExp(`^${name}$`), replacement: source }] : [];
});

const report = process.env["PARTYWALL_TEST_REPORT"];

export default defineConfig({
  resolve: { alias },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "test/package/consumers/**", "test/**/fixtures/**"],
    globalSetup: ["test/support/engines.ts"],
    reporters: [
      "default",
      "./test/support/skipped-reporter.ts",
      "./test/support/capability-reporter.ts",
      // Where .ci/run counts.
      ...(report ? [["json", { outputFile: report }] as [string, object]] : []),
    ],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    // What is waited for comes when it comes: on a busy machine a second is not long.
    expect: { poll: { timeout: 15_000 } },
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
