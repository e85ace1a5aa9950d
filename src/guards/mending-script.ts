/** A finding, by what a script says of it. */
interface Mended {
  readonly severity: string;
  readonly code: string;
  readonly object: string;
  readonly fix: string;
}

/**
 * Prints what mends findings as one script, in their order; what a person must decide is a comment. Each statement stands
 * alone, and once.
 *
 * @param sign what begins a comment that ends with its line
 * @param statementOf what mends a finding; undefined where a person must decide
 */
export function scriptOf<Finding extends Mended>(
  findings: readonly Finding[],
  sign: string,
  statementOf: (finding: Finding) => string | undefined,
): string {
  const seen = new Set<string>();
  const comment = (text: string) => `${sign} ${onOneLine(text)}`;
  const blocks = findings.map((finding) => {
    const { severity, code, object, fix } = finding;
    const title = comment(`${severity}  ${code}  ${object}`);
    const statement = statementOf(finding);
    if (statement === undefined) return `${title}\n${comment(`For you to decide: ${fix}`)}`;
    if (seen.has(statement)) return `${title}\n${comment("Mended by a statement above.")}`;
    seen.add(statement);
    return `${title}\n${statement};`;
  });
  return blocks.join("\n\n");
}

// A name may hold a line break, after which the rest of the comment would be run.
function onOneLine(text: string): string {
  return text.replaceAll(
    /[\p{Control}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
}
