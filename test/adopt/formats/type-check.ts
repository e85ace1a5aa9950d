import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const tsc = fileURLToPath(new URL("../../../node_modules/typescript/bin/tsc", import.meta.url));

/** What TypeScript has to say against files of an application in a folder, a line each. */
export async function typeFaults(folder: string, files: readonly string[]): Promise<string[]> {
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        noUncheckedIndexedAccess: true,
        target: "es2023",
        module: "preserve",
        moduleResolution: "bundler",
        experimentalDecorators: true,
        skipLibCheck: true,
        types: ["node"],
      },
      files,
    }),
  );
  try {
    await promisify(execFile)(process.execPath, [tsc, "-p", folder], { cwd: folder });
    return [];
  } catch (error) {
    return (error as { stdout: string }).stdout.trim().split("\n");
  }
}
