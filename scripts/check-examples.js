// Type-checks every ```ts fence: those in the docstrings under src/, in README.md and under docs/. Each fence is a
// module of its own, with its imports. What is meant as a fragment goes into a fence of another name (```typescript).
//
//   node scripts/check-examples.js [repository]
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { conclude, filesUnder, lineAt, textOf } from "./source-tree.js";

const root = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "node_modules", ".cache", "partywall-examples");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const documents = [
  ...filesUnder(join(root, "src"), ".ts").map((file) => `src/${file}`),
  ...filesUnder(join(root, "docs"), ".md").map((file) => `docs/${file}`),
  "README.md",
];
const origin = new Map();
for (const document of documents) {
  const text = textOf(join(root, document)) ?? "";
  for (const fence of text.matchAll(
    /^([ \t]*(?:\*[ \t]?)?)```ts\r?\n([\s\S]*?)^[ \t]*(?:\*[ \t]?)?```[ \t]*$/gm,
  )) {
    const name = `example-${origin.size + 1}.ts`;
    origin.set(name, document);
    const body = fence[1].includes("*") ? fence[2].replace(/^[ \t]*\*[ \t]?/gm, "") : fence[2];
    // Blank lines above the code give it the line numbers it has in its document; an import or export makes it a module.
    const above = "\n".repeat(lineAt(text, fence.index));
    writeFileSync(join(out, name), `${above}${body}\nexport {};\n`);
  }
}

writeFileSync(join(out, "package.json"), JSON.stringify({ type: "module" }));
writeFileSync(
  join(out, "tsconfig.json"),
  JSON.stringify({ extends: "../../../tsconfig.json", include: ["*.ts"], exclude: [] }),
);
const tsc = join(
  dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "bin",
  "tsc",
);
const run = spawnSync(process.execPath, [tsc, "--noEmit", "--pretty", "false", "-p", out], {
  encoding: "utf8",
});
const faults = `${run.stdout}${run.stderr}`
  .split("\n")
  .filter((line) => line !== "")
  .map((line) =>
    line.replace(
      /^.*?(example-\d+\.ts)\((\d+),(\d+)\)/,
      (_, name, at) => `${origin.get(name)}:${at}`,
    ),
  );
if (run.error || (run.status !== 0 && faults.length === 0))
  faults.push(`tsc did not run: ${run.error ?? run.status}`);

conclude("check-examples", faults, `${origin.size} examples type-check.`);
