import { expect, test } from "vitest";
import { check } from "./tree.js";

const exported = (module: string) => ({
  types: `./dist/${module}.d.ts`,
  default: `./dist/${module}.js`,
});

const manifest = (more: Record<string, unknown> = {}) =>
  JSON.stringify({
    exports: {
      ".": exported("index"),
      "./registry": exported("registry/index"),
      "./frameworks/express": exported("frameworks/express"),
      "./package.json": "./package.json",
      ...more,
    },
  });

const tsconfig = (more: Record<string, string[]> = {}) =>
  JSON.stringify({
    compilerOptions: {
      paths: {
        partywall: ["./src/index.ts"],
        "partywall/registry": ["./src/registry/index.ts"],
        "partywall/frameworks/express": ["./src/frameworks/express.ts"],
        ...more,
      },
    },
  });

const SOUND = {
  "package.json": manifest(),
  "tsconfig.json": tsconfig(),
  "src/index.ts":
    '// The core.\nexport { run } from "./run.js";\nexport type {\n  Run,\n} from "./run.js";\n',
  "src/run.ts": "",
  "src/registry/index.ts": "",
  "src/frameworks/express.ts": "",
  ...Object.fromEntries(
    ["index", "run", "registry/index", "frameworks/express"].flatMap((module) => [
      [`dist/${module}.js`, ""],
      [`dist/${module}.d.ts`, ""],
    ]),
  ),
  "docs/reference/partywall.md": 'import { run } from "partywall";',
  "docs/reference/registry.md": 'import { memory } from "partywall/registry";',
  "docs/frameworks/express.md": 'import { tenancy } from "partywall/frameworks/express";',
};

test("paths that agree pass", async () => {
  const { code, output } = await check("check-exports", SOUND);
  expect(output).toContain("3 public paths agree");
  expect(code).toBe(0);
});

test.each<[string, Record<string, string | undefined>, string]>([
  [
    "an export without a source",
    { "package.json": manifest({ "./gone": exported("gone") }) },
    'exports["./gone"] has no source src/gone.ts',
  ],
  [
    "an export that leads elsewhere",
    { "package.json": manifest({ "./registry": exported("run") }) },
    'exports["./registry"] leads to ./dist/run.js',
  ],
  [
    "an export whose types lead elsewhere",
    {
      "package.json": manifest({
        "./registry": { types: "./dist/run.d.ts", default: "./dist/registry/index.js" },
      }),
    },
    "types is ./dist/run.d.ts",
  ],
  [
    "a public folder without an export",
    { "src/guards/index.ts": "", "dist/guards/index.js": "", "dist/guards/index.d.ts": "" },
    "src/guards/index.ts:1 is in no export",
  ],
  [
    "a path mapping that leads elsewhere",
    { "tsconfig.json": tsconfig({ partywall: ["./src/run.ts"] }) },
    'paths["partywall"] is ["./src/run.ts"]',
  ],
  [
    "a stale path mapping",
    { "tsconfig.json": tsconfig({ "partywall/old": ["./src/old.ts"] }) },
    'paths["partywall/old"] is no export',
  ],
  ["a source that was not built", { "dist/run.js": undefined }, "src/run.ts:1 is not in dist/"],
  ["a built file without a source", { "dist/old.js": "" }, "dist/old.js has no source"],
  [
    "an export without a docs page",
    { "docs/reference/registry.md": undefined },
    "partywall/registry has no page. Write docs/reference/registry.md",
  ],
  [
    "a docs page about something else",
    { "docs/reference/registry.md": "Nothing." },
    'never imports from "partywall/registry"',
  ],
  [
    "a docs page about no export",
    { "docs/frameworks/koa.md": "" },
    "docs/frameworks/koa.md:1 is about no export",
  ],
  [
    "an index.ts that holds code",
    { "src/index.ts": '\nexport { run } from "./run.js";\nexport const x = 1;\n' },
    'src/index.ts:3 holds "export const x = 1;"',
  ],
  [
    "an index.ts that exports everything",
    { "src/index.ts": 'export * from "./run.js";\n' },
    "An index.ts only re-exports by name",
  ],
])("%s fails", async (_, change, message) => {
  const files = Object.entries({ ...SOUND, ...change }).filter(([, text]) => text !== undefined);
  const { code, output } = await check("check-exports", Object.fromEntries(files));
  expect(output).toContain(message);
  expect(code).toBe(1);
});
