import { expect, test } from "vitest";
import { check } from "./tree.js";

const section = (code: string, said: string) =>
  `### ${code}\n\n${said}\n\n- **What happened.** It did.\n\n`;

const SOUND = {
  "src/errors.ts":
    "export const ERROR_CODES = {\n  PW_A: { status: 500, expose: false },\n  PW_B: { status: 404, expose: true },\n};\n",
  "src/scope/run.ts":
    'throw new PartywallError("PW_A", "");\nthrow new PartywallError("PW_B", "");\n',
  "docs/reference/errors.md":
    section("PW_A", "Status 500, not shown to the caller.") +
    section("PW_B", "Status 404, shown to the caller."),
};

test("a catalogue that the docs repeat passes", async () => {
  const { code, output } = await check("check-errors", SOUND);
  expect(output).toContain("2 codes agree");
  expect(code).toBe(0);
});

test.each([
  [
    "a code without a section",
    { "docs/reference/errors.md": section("PW_A", "Status 500, not shown to the caller.") },
    "src/errors.ts:3 PW_B has no section",
  ],
  [
    "a section without a code",
    { "docs/reference/errors.md": `${SOUND["docs/reference/errors.md"]}### PW_OLD\n` },
    "PW_OLD is not in the catalogue",
  ],
  [
    "a section with another status",
    { "docs/reference/errors.md": SOUND["docs/reference/errors.md"].replace("404", "403") },
    'PW_B must say "Status 404, shown to the caller."',
  ],
  [
    "a code that nothing raises",
    { "src/scope/run.ts": 'throw new PartywallError("PW_A", "");\n' },
    "PW_B is raised nowhere",
  ],
  ["a catalogue that cannot be read", { "src/errors.ts": "" }, "src/errors.ts:1 holds no row"],
])("%s fails", async (_, change, message) => {
  const { code, output } = await check("check-errors", { ...SOUND, ...change });
  expect(output).toContain(message);
  expect(code).toBe(1);
});
