// Runs the benchmarks, one after the other so that they do not disturb each other.
//
//   node scripts/bench.js [--smoke] [question ...]      for example: npm run bench -- point-read
//
// Each question is a folder in bench/ with a run.ts. --smoke is handed on: each runs for a moment only.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const known = readdirSync(`${root}bench`)
  .filter((name) => existsSync(`${root}bench/${name}/run.ts`))
  .toSorted();
const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

for (const question of asked) {
  if (known.includes(question)) continue;
  console.error(`There is no bench/${question}/run.ts. There are: ${known.join(", ")}.`);
  process.exit(1);
}
for (const question of asked.length > 0 ? asked : known) {
  console.log(`\n# bench/${question}`);
  const { status } = spawnSync(
    process.execPath,
    ["--import", "tsx", `bench/${question}/run.ts`, ...flags],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}
