const CONTEXT = 3;

/** A file before and after; undefined before where it is new. */
export interface Change {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string;
}

interface Line {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

/** The lines of a unified diff, as `git diff` and `patch` have it. */
export function unifiedDiff({ path, before, after }: Change): string[] {
  const lines = compared(linesOf(before ?? ""), linesOf(after));
  const hunks = hunksOf(lines);
  if (hunks.length === 0) return [];
  return [
    before === undefined ? "--- /dev/null" : `--- a/${path}`,
    `+++ b/${path}`,
    ...hunks.flat(),
  ];
}

/** The lines of a text. One that does not end with a line feed has a last line of its own kind. */
function linesOf(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

/** What stays, goes and comes: a longest common subsequence, between what both texts begin and end with. */
function compared(a: readonly string[], b: readonly string[]): Line[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  ) {
    tail += 1;
  }
  const same = (lines: readonly string[]): Line[] => lines.map((text) => ({ sign: " ", text }));
  return [
    ...same(a.slice(0, head)),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...same(a.slice(a.length - tail)),
  ];
}

function middle(a: readonly string[], b: readonly string[]): Line[] {
  // longest[i][j]: how many lines a from i and b from j have in common.
  const longest = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i]![j] =
        a[i] === b[j]
          ? longest[i + 1]![j + 1]! + 1
          : Math.max(longest[i + 1]![j]!, longest[i]![j + 1]!);
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: " ", text: a[i]! });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && longest[i + 1]![j]! >= longest[i]![j + 1]!)) {
      lines.push({ sign: "-", text: a[i]! });
      i += 1;
    } else {
      lines.push({ sign: "+", text: b[j]! });
      j += 1;
    }
  }
  return lines;
}

function hunksOf(lines: readonly Line[]): string[][] {
  const hunks: string[][] = [];
  let [oldLine, newLine] = [1, 1];
  const numbers = lines.map(({ sign }) => {
    const at = { old: oldLine, new: newLine };
    if (sign !== "+") oldLine += 1;
    if (sign !== "-") newLine += 1;
    return at;
  });
  for (let at = lines.findIndex(isChange); at !== -1;) {
    const start = Math.max(0, at - CONTEXT);
    let last = at;
    for (let next = at; next < lines.length && next <= last + 2 * CONTEXT; next += 1) {
      if (isChange(lines[next]!)) last = next;
    }
    const end = Math.min(lines.length, last + CONTEXT + 1);
    const part = lines.slice(start, end);
    const count = (without: Line["sign"]): number =>
      part.filter(({ sign }) => sign !== without).length;
    const [olds, news] = [count("+"), count("-")];
    const first = numbers[start]!;
    hunks.push([
      `@@ -${range(first.old, olds)} +${range(first.new, news)} @@`,
      ...part.flatMap(printed),
    ]);
    const following = lines.slice(last + 1).findIndex(isChange);
    at = following === -1 ? -1 : last + 1 + following;
  }
  return hunks;
}

const isChange = ({ sign }: Line): boolean => sign !== " ";

// A range of no lines names the line before it.
function range(start: number, count: number): string {
  if (count === 0) return `${start - 1},0`;
  return count === 1 ? `${start}` : `${start},${count}`;
}

function printed({ sign, text }: Line): string[] {
  return text.endsWith("\n")
    ? [`${sign}${text.slice(0, -1)}`]
    : [`${sign}${text}`, String.raw`\ No newline at end of file`];
}
