import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every file under `folder` whose name ends with one of `endings`, as sorted paths relative to `folder`. */
export function filesUnder(folder, ...endings) {
  let entries;
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
  return entries
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .toSorted();
}

/** Reads a text file, or gives `undefined` when there is none. */
export function textOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * The imports of a source file. Statements begin in the first column (oxfmt sees to that), so the examples inside
 * docstrings, which do not, are never taken for code.
 */
export function importsOf(text) {
  const found = [];
  const statement = /^(import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s*)?"([^"]+)"/gm;
  for (const match of text.matchAll(statement)) {
    found.push({
      specifier: match[3],
      typeOnly: Boolean(match[2]),
      line: lineAt(text, match.index),
    });
  }
  for (const match of text.matchAll(/^(?!\s*(?:\*|\/\/)).*\bimport\(\s*"([^"]+)"/gm)) {
    found.push({ specifier: match[1], typeOnly: false, line: lineAt(text, match.index) });
  }
  return found;
}

/** The line number, from 1, of a character position. */
export function lineAt(text, index) {
  return text.slice(0, index).split("\n").length;
}

/** Prints what a check found and sets the exit code. */
export function conclude(check, faults, success) {
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) {
    console.error(`\n${check}: ${faults.length} fault${faults.length === 1 ? "" : "s"}.`);
    process.exitCode = 1;
  } else {
    console.log(`${check}: ${success}`);
  }
}
