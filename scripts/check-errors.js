// Fails when the catalogue of error codes in src/errors.ts and docs/reference/errors.md disagree (in either direction,
// or on status and exposure), and when a code is used nowhere under src/.
//
//   node scripts/check-errors.js [repository]
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { conclude, filesUnder, lineAt, textOf } from "./source-tree.js";

const root = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url));
const PAGE = "docs/reference/errors.md";
const faults = [];

const catalogue = textOf(join(root, "src/errors.ts"));
const codes = new Map();
for (const row of catalogue.matchAll(
  /^ {2}(PW_[A-Z_]+): \{ status: (\d+), expose: (true|false) \},?$/gm,
)) {
  codes.set(row[1], {
    status: row[2],
    expose: row[3] === "true",
    line: lineAt(catalogue, row.index),
  });
}
if (codes.size === 0)
  faults.push("src/errors.ts:1 holds no row like `  PW_X: { status: 500, expose: false },`.");

const page = textOf(join(root, PAGE)) ?? "";
const sections = new Map();
for (const section of page.matchAll(/^### (PW_[A-Z_]+)\n([\s\S]*?)(?=^#{1,3} |(?![\s\S]))/gm)) {
  sections.set(section[1], { text: section[2], line: lineAt(page, section.index) });
}

const sources = filesUnder(join(root, "src"), ".ts").filter((file) => file !== "errors.ts");
const used = sources.map((file) => textOf(join(root, "src", file))).join("\n");

for (const [code, { status, expose, line }] of codes) {
  const at = `src/errors.ts:${line}`;
  if (!used.includes(`"${code}"`))
    faults.push(`${at} ${code} is raised nowhere under src/. Raise it or remove it.`);
  const section = sections.get(code);
  if (!section) {
    faults.push(
      `${at} ${code} has no section in ${PAGE}. Write "### ${code}": what happened, why, what to do.`,
    );
    continue;
  }
  const said = `Status ${status}, ${expose ? "shown" : "not shown"} to the caller.`;
  if (!section.text.includes(said)) {
    faults.push(`${PAGE}:${section.line} ${code} must say "${said}", as the catalogue does.`);
  }
}
for (const [code, { line }] of sections) {
  if (!codes.has(code))
    faults.push(`${PAGE}:${line} ${code} is not in the catalogue. Remove the section.`);
}

conclude("check-errors", faults, `${codes.size} codes agree with ${PAGE}.`);
