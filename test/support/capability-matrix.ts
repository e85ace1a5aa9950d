import { CAPABILITIES, type Capability, type ConformanceResult } from "partywall/testing";

/** What the matrix says of each ORM: a mark for each capability, and why one is missing. */
export type Matrix = ReadonlyMap<string, ReadonlyMap<Capability, Cell>>;

interface Cell {
  /** `✓` with tenants placed in every way, `–` where the ORM has nothing of the kind, `✗` where a test failed. */
  readonly mark: "✓" | "–" | "✗";
  readonly reason?: string;
}

const KNOWN = Object.keys(CAPABILITIES) as Capability[];
const LABELS = new Map<string, Capability>(KNOWN.map((one) => [CAPABILITIES[one], one]));

/** The matrix that the suite's results make; ORMs of which not every capability was tried are left out. */
export function matrixOf(results: readonly ConformanceResult[]): Matrix {
  const matrix = new Map<string, Map<Capability, Cell>>();
  for (const { subject, capability, outcome, reason } of results) {
    const column = matrix.get(subject) ?? new Map<Capability, Cell>();
    matrix.set(subject, column);
    if (column.get(capability)?.mark === "✗") continue;
    const mark = { passed: "✓", failed: "✗", skipped: "–" } as const;
    column.set(capability, { mark: mark[outcome], ...(reason && { reason }) });
  }
  return new Map([...matrix].filter(([, column]) => KNOWN.every((one) => column.has(one))));
}

/** The page of a matrix. */
export function pageOf(matrix: Matrix): string {
  const names = [...matrix.keys()].toSorted((one, other) => one.localeCompare(other));
  const rows = KNOWN.map(
    (one) =>
      `| ${[CAPABILITIES[one], ...names.map((name) => matrix.get(name)!.get(one)!.mark)].join(" | ")} |`,
  );
  const reasons = names.flatMap((name) =>
    KNOWN.flatMap((one) => {
      const { reason } = matrix.get(name)!.get(one)!;
      return reason === undefined ? [] : [`- **${name}, ${CAPABILITIES[one]}**: ${reason}.`];
    }),
  );
  return `# What each ORM can do

Made of the results of the [conformance suite](../reference/testing.md) by \`npm run matrix\`, which needs Node.js 24; never edited. The tests
compare it with what they find.

✓ tried with tenants in rows, in schemas and in databases, and asserted through an unguarded connection. – the ORM itself has nothing of
the kind.

| | ${names.join(" | ")} |
| --- | ${names.map(() => ":-:").join(" | ")} |
${rows.join("\n")}

${reasons.join("\n")}
`;
}

/** Names every capability whose tests were skipped, with the reason. */
export function missingOf(matrix: Matrix): string {
  const lines = [...matrix].flatMap(([name, column]) =>
    [...column].flatMap(([one, { reason }]) =>
      reason === undefined ? [] : [`  ${name}, ${CAPABILITIES[one]}: ${reason}\n`],
    ),
  );
  return lines.length === 0
    ? ""
    : `\nTests skipped for what an ORM does not have:\n${lines.join("")}`;
}

/** Reads a page back. */
export function matrixIn(page: string): Matrix {
  const lines = page.split("\n");
  const cellsOf = (line: string) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
  const [header, , ...rows] = lines.filter((line) => line.startsWith("|"));
  const names = header === undefined ? [] : cellsOf(header).slice(1);
  const reasons = new Map(
    [...page.replaceAll("\n  ", " ").matchAll(/^- \*\*(.+)\*\*: (.+)\.$/gm)].map(
      ([, key, reason]) => [key, reason],
    ),
  );
  const matrix = new Map(names.map((name) => [name, new Map<Capability, Cell>()]));
  for (const row of rows) {
    const [label = "", ...marks] = cellsOf(row);
    const capability = LABELS.get(label);
    if (capability === undefined) continue;
    for (const [n, name] of names.entries()) {
      const reason = reasons.get(`${name}, ${label}`);
      const mark = marks[n] as Cell["mark"];
      matrix.get(name)?.set(capability, { mark, ...(reason && { reason }) });
    }
  }
  return matrix;
}

/** Where what was found is not what a page says. */
export function differences(found: Matrix, said: Matrix): string[] {
  return [...found].flatMap(([name, column]) => {
    const stated = said.get(name);
    if (stated === undefined) return [`${name} is not in it`];
    return [...column].flatMap(([capability, { mark, reason }]) => {
      const cell = stated.get(capability);
      if (cell?.mark === mark && cell.reason === reason) return [];
      return [
        `${name}, ${CAPABILITIES[capability]}: found ${mark}${reason ? ` (${reason})` : ""}, it says ${cell?.mark ?? "nothing"}${cell?.reason ? ` (${cell.reason})` : ""}`,
      ];
    });
  });
}
