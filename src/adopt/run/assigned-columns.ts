// What may stand in front of a comma or an equals sign and hide it: literals, quoted names, dollar quotes, comments.
const OPAQUE =
  /(?:[eE]'(?:[^'\\]|\\[\s\S]|'')*')|(?:'(?:[^']|'')*')|(?:"(?:[^"]|"")*")|(?:\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?\$\1\$)|(?:--[^\n]*)|(?:\/\*[\s\S]*?\*\/)/y;
const NAME = /"((?:[^"]|"")*)"|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/g;

/** The columns, unquoted, that the SET of an update assigns: `"a" = 1, (b, c) = (…)`. */
export function assignedColumns(set: string): string[] {
  return assignments(set).flatMap((target) =>
    [...target.matchAll(NAME)].map(([, quoted, plain]) =>
      quoted === undefined ? (plain as string).toLowerCase() : quoted.replaceAll('""', '"'),
    ),
  );
}

/** What stands left of the equals sign of each assignment. */
function assignments(set: string): string[] {
  const targets: string[] = [];
  let depth = 0;
  let start = 0;
  let isTarget = true;
  for (let at = 0; at < set.length;) {
    OPAQUE.lastIndex = at;
    const opaque = OPAQUE.exec(set);
    if (opaque) {
      at += opaque[0].length;
      continue;
    }
    const letter = set[at]!;
    if (letter === "(" || letter === "[") depth += 1;
    else if (letter === ")" || letter === "]") depth -= 1;
    else if (depth === 0 && letter === "=" && isTarget) {
      targets.push(set.slice(start, at));
      isTarget = false;
    } else if (depth === 0 && letter === ",") {
      start = at + 1;
      isTarget = true;
    }
    at += 1;
  }
  return targets;
}
