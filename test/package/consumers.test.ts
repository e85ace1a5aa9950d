import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT, runNode } from "../house/run.js";
import { SKIPPED_FOR } from "../support/skipped-reporter.js";

const run = promisify(execFile);
const MINUTES = 60_000;

const asked =
  process.env["PARTYWALL_TEST_PACKAGE"] === "1" ||
  process.env["PARTYWALL_REQUIRE"]?.split(",").includes("all");
const title = asked
  ? "the packed tarball"
  : `the packed tarball${SKIPPED_FOR}package registry: it is asked only with PARTYWALL_TEST_PACKAGE=1`;

describe.skipIf(!asked)(title, () => {
  let folder: string;
  let tarball: string;
  let installed: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "partywall-package-"));
    // Built apart from dist/, which other tests and checks may be reading.
    const source = join(folder, "source");
    await mkdir(source);
    const manifest = JSON.parse(await readFile(`${ROOT}package.json`, "utf8")) as {
      files: string[];
    };
    for (const name of [
      "package.json",
      "LICENSE",
      "README.md",
      ...manifest.files.filter((file) => file !== "dist"),
    ]) {
      await cp(`${ROOT}${name}`, join(source, name), { recursive: true });
    }
    const compiler = `${ROOT}node_modules/typescript/bin/tsc`;
    const tsc = await runNode([
      compiler,
      "-p",
      `${ROOT}tsconfig.build.json`,
      "--outDir",
      join(source, "dist"),
    ]);
    if (tsc.code !== 0) throw new Error(tsc.output);
    const packed = await npm(
      source,
      "pack",
      "--json",
      "--ignore-scripts",
      "--pack-destination",
      folder,
    );
    tarball = join(folder, (JSON.parse(packed) as { filename: string }[])[0]?.filename ?? "");

    installed = join(folder, "full");
    await cp(`${ROOT}test/package/consumers`, installed, { recursive: true });
    await npm(installed, "install", tarball);
  }, 5 * MINUTES);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("holds what a user needs and nothing else", async () => {
    const files = (await run("tar", ["-tzf", tarball])).stdout.trim().split("\n");
    expect(files.filter((file) => !/^package\/(dist|docs)\//.test(file)).toSorted()).toEqual(
      ["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "package.json"].map(
        (file) => `package/${file}`,
      ),
    );
  });

  test(
    "brings along what it declares and no other package, and works without its optional peers",
    async () => {
      const bare = join(folder, "bare");
      await cp(`${ROOT}test/package/consumers`, bare, { recursive: true });
      await writeFile(join(bare, "package.json"), JSON.stringify({ private: true }));
      await npm(bare, "install", tarball);
      const { dependencies = {} } = JSON.parse(await readFile(`${ROOT}package.json`, "utf8")) as {
        dependencies?: Record<string, string>;
      };
      const declared = Object.keys(dependencies).map((name) => name.split("/")[0]!);
      expect(
        (await readdir(join(bare, "node_modules"))).filter((name) => !name.startsWith(".")),
      ).toEqual([...new Set(["partywall", ...declared])].toSorted());
      const { code, output } = await runNode(["import.mjs", "--without-peers"], {}, bare);
      expect(code, output).toBe(0);
    },
    2 * MINUTES,
  );

  test("is imported by every public path", async () => {
    const { code, output } = await runNode(["import.mjs"], {}, installed);
    expect(code, output).toBe(0);
    expect(output).toContain("partywall/guards/postgres: ");
  });

  test("is required by every public path, and is then the same copy", async () => {
    const { code, output } = await runNode(["require.cjs"], {}, installed);
    expect(code, output).toBe(0);
    expect(output).toContain("one copy");
  });

  test.each([
    ["nodenext, from an ES module", "module", "nodenext", "nodenext"],
    ["nodenext, from a CommonJS module", "commonjs", "nodenext", "nodenext"],
    ["bundler", "module", "esnext", "bundler"],
  ])("has types under strict TypeScript, %s", async (name, type, module, moduleResolution) => {
    const project = join(installed, `types-${name.replaceAll(/\W+/g, "-")}`);
    await mkdir(project);
    const { exports } = JSON.parse(
      await readFile(join(installed, "node_modules/partywall/package.json"), "utf8"),
    ) as {
      exports: Record<string, unknown>;
    };
    const imports = Object.keys(exports)
      .filter((subpath) => subpath !== "./package.json")
      .map(
        (subpath, index) =>
          `import * as m${index} from "partywall${subpath.slice(1)}";\nvoid m${index};`,
      );
    const use = [
      'import { PartywallError, type ErrorCode } from "partywall";',
      'export const code: ErrorCode = new PartywallError("PW_NO_SCOPE", "").code;',
      "// @ts-expect-error the types are there, not any: this is no code of the catalogue",
      'export const wrong: ErrorCode = "PW_NOTHING";',
    ];
    await writeFile(join(project, "package.json"), JSON.stringify({ type }));
    await writeFile(join(project, "index.ts"), [...imports, ...use].join("\n"));
    await writeFile(
      join(project, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          target: "es2022",
          module,
          moduleResolution,
          types: ["node"],
          noEmit: true,
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          skipLibCheck: false,
        },
      }),
    );
    const { code, output } = await runNode(
      [join(installed, "node_modules/typescript/bin/tsc"), "-p", project],
      {},
      project,
    );
    expect(code, output).toBe(0);
  });

  test.each(["esm.test.mjs", "commonjs.test.cjs"])(
    "is imported under Jest by %s",
    async (file) => {
      const { code, output } = await jest(file);
      expect(code, output).toBe(0);
    },
    2 * MINUTES,
  );

  // Jest has a module system of its own, whose require() loads ES modules from this version of Node on:
  // https://jestjs.io/docs/ecmascript-modules#require-of-esm
  test.runIf(nodeIsAtLeast(24, 9))(
    "is required under Jest",
    async () => {
      const { code, output } = await jest("require.test.cjs");
      expect(code, output).toBe(0);
    },
    2 * MINUTES,
  );

  function jest(file: string) {
    const cli = [
      "node_modules/jest/bin/jest.js",
      "--rootDir",
      installed,
      "--testMatch",
      `**/${file}`,
    ];
    // Jest loads ES modules only with Node's own machinery for it: https://jestjs.io/docs/ecmascript-modules
    return runNode(["--experimental-vm-modules", ...cli], {}, installed);
  }
});

function nodeIsAtLeast(major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

async function npm(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    maxBuffer: 1 << 24,
  });
  return stdout;
}
