import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import type { Flags } from "../../src/cli/flags.js";
import { GLOBAL_FLAGS } from "../../src/cli/global-flags.js";
import { EXIT_CODES, flagTitle } from "../../src/cli/help.js";
import { ROOT } from "../house/run.js";

const page = readFileSync(`${ROOT}docs/reference/cli.md`, "utf8");
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title = "", ...lines] = section.split("\n");
      return [title, lines.join("\n")] as const;
    }),
);

/** The first cells of a section's tables, without their backticks. */
function cells(section: string | undefined): string[] {
  return [...(section ?? "").matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]!);
}

const titles = (flags: Flags): string[] =>
  Object.entries(flags).map(([name, flag]) => flagTitle(name, flag));

const names = Object.keys(COMMANDS);

describe("docs/reference/cli.md", () => {
  test.each(names)("documents every flag of %s, and none that it has not", async (name) => {
    const { command } = await COMMANDS[name]!();
    const section = sections.get(`partywall ${name}`);
    expect(section, `a section "## partywall ${name}"`).toBeDefined();
    const documented = cells(section).filter((cell) => cell.startsWith("-"));
    expect(documented).toEqual(titles(command.flags));
    expect(section).toContain(`partywall ${name}`);
  });

  test("documents the flags and exit codes of all, and no command that is not there", () => {
    const every = cells(sections.get("Every command"));
    expect(every.filter((cell) => cell.startsWith("-"))).toEqual(titles(GLOBAL_FLAGS));
    expect(every.filter((cell) => /^\d+$/.test(cell))).toEqual(EXIT_CODES.map(([code]) => code));
    const documented = [...sections.keys()].filter((title) => title.startsWith("partywall "));
    expect(documented.filter((title) => !names.includes(title.slice("partywall ".length)))).toEqual(
      [],
    );
  });
});
