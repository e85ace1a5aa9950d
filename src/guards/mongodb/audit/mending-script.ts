import type { MongoFinding } from "./check.js";

/**
 * Prints what mends findings as one script for mongosh, the worst first; what a person must decide is a comment. Each
 * statement stands alone.
 */
export function mongoMendingScript(findings: readonly MongoFinding[]): string {
  const seen = new Set<string>();
  const blocks = findings.map(({ severity, code, object, fix, mongosh }) => {
    const title = comment(`${severity}  ${code}  ${object}`);
    if (mongosh === undefined) return `${title}\n${comment(`For you to decide: ${fix}`)}`;
    if (seen.has(mongosh)) return `${title}\n${comment("Mended by a statement above.")}`;
    seen.add(mongosh);
    return `${title}\n${mongosh};`;
  });
  return blocks.join("\n\n");
}

// A name may hold a line break, after which the rest of the comment would be run.
function comment(text: string): string {
  const line = text.replaceAll(
    /[\p{Control}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
  return `// ${line}`;
}
