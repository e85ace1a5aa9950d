import { expect, test } from "vitest";
import { check } from "./tree.js";

const SOUND = {
  "src/errors.ts": "export const x = 1;\n",
  "src/scope/run.ts": 'import { x } from "../errors.js";\nexport const run = x;\n',
  "src/registry/memory.ts":
    'import { AsyncLocalStorage } from "node:async_hooks";\nimport { run } from "../scope/run.js";\nexport { run, AsyncLocalStorage };\n',
  "src/partywall.ts":
    'import { run } from "./scope/run.js";\nexport interface Partywall { run: typeof run }\n',
  "src/frameworks/express.ts":
    'import type { Partywall } from "../partywall.js";\nexport type P = Partywall;\n',
  "src/resolvers/jwt.ts": 'import { jwtVerify } from "jose";\nexport const j = jwtVerify;\n',
};

test("a tree whose imports flow one way passes", async () => {
  const { code, output } = await check("check-layers", SOUND);
  expect(output).toContain("6 files, every import flows one way");
  expect(code).toBe(0);
});

test.each([
  [
    "an import of a higher layer",
    "src/scope/up.ts",
    'import {\n  a,\n} from "../registry/memory.js";\n',
    "src/scope/up.ts:1 imports src/registry/memory.ts: scope may import errors, not registry.",
  ],
  [
    "a re-export of a higher layer",
    "src/guards/g.ts",
    '\nexport { a } from "../registry/memory.js";\n',
    "src/guards/g.ts:2 imports src/registry/memory.ts: guards may import errors, scope, not registry.",
  ],
  [
    "a type of a higher layer",
    "src/guards/g.ts",
    'import type { P } from "../frameworks/express.js";\n',
    "guards may import errors, scope, not frameworks",
  ],
  [
    "a dynamic import of a higher layer",
    "src/guards/g.ts",
    'export const later = () => import("../registry/memory.js");\n',
    "src/guards/g.ts:1 imports src/registry/memory.ts",
  ],
  [
    "a guard in the core",
    "src/index.ts",
    'export { g } from "./guards/g.js";\n',
    "core may import errors, scope, registry, not guards",
  ],
  [
    "a value where only types may be taken",
    "src/frameworks/koa.ts",
    'import { Partywall } from "../partywall.js";\n',
    'Write "import type".',
  ],
  [
    "a runtime dependency",
    "src/scope/up.ts",
    'import pg from "pg";\n',
    "src/scope/up.ts:1 imports the package pg: the core has no runtime dependency",
  ],
  [
    "a dependency outside its one place",
    "src/scope/up.ts",
    'import { jwtVerify } from "jose";\n',
    "jose in resolvers/jwt.ts",
  ],
  ["a folder that is no layer", "src/utils/x.ts", "", "src/utils/x.ts:1 is in no layer"],
  [
    "a file that does not exist",
    "src/scope/up.ts",
    'import "./nowhere.js";\n',
    "src/scope/up.ts:1 imports ./nowhere.js, which is no file",
  ],
])("%s fails, with its place and what to do", async (_, path, text, message) => {
  const { code, output } = await check("check-layers", {
    ...SOUND,
    "src/guards/g.ts": "export const g = 1;\n",
    [path]: text,
  });
  expect(output).toContain(message);
  expect(code).toBe(1);
});

test("a circle of imports fails, and one of types does not", async () => {
  const circle = (word: string) => ({
    ...SOUND,
    "src/scope/a.ts": 'import { b } from "./b.js";\nexport const a = b;\n',
    "src/scope/b.ts": 'import { c } from "./c.js";\nexport const b = c;\n',
    "src/scope/c.ts": `${word} { a } from "./a.js";\nexport const c = 1;\n`,
  });
  const values = await check("check-layers", circle("import"));
  expect(values.output).toContain(
    "circle of imports: scope/a.ts -> scope/b.ts -> scope/c.ts -> scope/a.ts",
  );
  expect(values.code).toBe(1);
  expect((await check("check-layers", circle("import type"))).code).toBe(0);
});

test("an example in a docstring is not taken for an import", async () => {
  const { code } = await check("check-layers", {
    ...SOUND,
    "src/scope/doc.ts":
      '/**\n * ```ts\n * import pg from "pg";\n * const x = await import("pg");\n * ```\n */\nexport const d = 1;\n',
  });
  expect(code).toBe(0);
});
