import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const compiler = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

function check(project: string): { readonly code: number | null; readonly output: string } {
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [compiler, "--noEmit", "--pretty", "false", "-p", project],
    { cwd, encoding: "utf8" },
  );
  return { code: status, output: stdout + stderr };
}

it("what should compile does, and what should not does not", () => {
  expect(check(".")).toEqual({ code: 0, output: "" });
});

it("a wrong type is noticed", () => {
  const { code, output } = check(".canary");
  expect(code).not.toBe(0);
  expect(output).toMatch(/^\S*canary\.ts\(6,7\): error TS2322: .*\n?$/);
});
