import { describe, expect, test } from "vitest";
import { displayWidth, padded, printable, truncate } from "../../src/cli/display-width.js";
import { Table, tableLines } from "../../src/cli/table.js";

describe("the width of a text on a terminal", () => {
  test.each([
    ["", 0],
    ["plain", 5],
    ["naïve", 5],
    ["nai\u0308ve", 5],
    ["日本語", 6],
    ["한국어", 6],
    ["ﾊﾝｶｸ", 4],
    ["ＷＩＤＥ", 8],
    ["👍", 2],
    ["👨‍👩‍👧", 2],
    ["🇩🇪", 2],
    ["❤️", 2],
    ["a\u200bb", 2],
    ["עברית", 5],
  ])("%j fills %i cells", (text, cells) => {
    expect(displayWidth(text)).toBe(cells);
  });

  test("is what a cut text keeps to, never half a character", () => {
    expect(truncate("日本語", 6)).toBe("日本語");
    expect(truncate("日本語", 5)).toBe("日本…");
    expect(truncate("日本語", 4)).toBe("日…");
    expect(truncate("a👨‍👩‍👧b", 3)).toBe("a…");
    expect(padded("日本", 6)).toBe("日本  ");
  });
});

test("what a terminal would obey is written out", () => {
  expect(printable("\u001b[2Jx\ny\u202ez\u009b")).toBe("\\u001b[2Jx\\u000ay\\u202ez\\u009b");
  expect(printable("日本 👨‍👩‍👧")).toBe("日本 👨‍👩‍👧");
});

interface Row {
  readonly name: string;
  readonly count: number;
}
const columns = [
  { title: "NAME", value: ({ name }: Row) => name },
  { title: "COUNT", value: ({ count }: Row) => String(count), align: "right" as const },
];

describe("a table", () => {
  test("is aligned by cells, numbers to the right", () => {
    const lines = tableLines(
      columns,
      [
        { name: "日本語", count: 5 },
        { name: "acme", count: 12345 },
      ],
      Infinity,
    );
    expect(lines).toEqual(["NAME    COUNT", "日本語      5", "acme    12345"]);
    expect(new Set(lines.map(displayWidth))).toEqual(new Set([13]));
  });

  test("keeps to the width of a terminal by narrowing its widest column", () => {
    const rows = [{ name: "a name that goes on and on", count: 1 }];
    const lines = tableLines(columns, rows, 20);
    expect(lines).toEqual(["NAME           COUNT", "a name that …      1"]);
    expect(tableLines(columns, rows, 5).every((line) => displayWidth(line) <= 15)).toBe(true);
  });

  test("goes on page by page with the widths of the first, cutting nothing where nobody looks", () => {
    const table = new Table(columns, Infinity);
    expect(table.lines([{ name: "a", count: 1 }])).toEqual(["NAME  COUNT", "a         1"]);
    expect(table.lines([{ name: "longer", count: 2 }])).toEqual(["longer      2"]);
  });
});
