import { expect, test } from "vitest";
import { check } from "./tree.js";

const SOUND = {
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      target: "es2022",
      module: "nodenext",
      strict: true,
      types: [],
      noEmit: true,
      paths: { partywall: ["./src/index.ts"] },
    },
  }),
  "package.json": JSON.stringify({ type: "module" }),
  "src/index.ts":
    '/**\n * A number.\n *\n * @example\n * ```ts\n * import { n } from "partywall";\n *\n * const m: number = n;\n * ```\n */\nexport const n = 1;\n',
  "README.md":
    '# Read me\n\n```ts\nimport { n } from "partywall";\nexport const m: number = n;\n```\n\n```sh\nnpm test\n```\n',
};

test("examples that type-check pass", async () => {
  const { code, output } = await check("check-examples", SOUND);
  expect(output).toContain("2 examples type-check");
  expect(code).toBe(0);
});

test.each([
  [
    "a docstring",
    { "src/index.ts": SOUND["src/index.ts"].replace("const m: number", "const m: string") },
    "src/index.ts:8: error TS2322",
  ],
  [
    "the README",
    { "README.md": SOUND["README.md"].replace("const m: number", "const m: string") },
    "README.md:5: error TS2322",
  ],
  ["a page", { "docs/guides/a.md": "```ts\nrun();\n```\n" }, "docs/guides/a.md:2: error TS2304"],
])("an example in %s that does not type-check fails, with its line", async (_, change, message) => {
  const { code, output } = await check("check-examples", { ...SOUND, ...change });
  expect(output).toContain(message);
  expect(code).toBe(1);
});
