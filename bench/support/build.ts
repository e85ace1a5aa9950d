import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The package as it is shipped, in a folder of its own. */
export interface Build {
  readonly folder: string;
  readonly remove: () => Promise<void>;
}

/**
 * Compiles the sources as they are shipped. A loader that compiles on the fly adds calls of its own to every closure,
 * which the driver, being JavaScript already, would not pay.
 */
export async function buildPackage(): Promise<Build> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), "partywall-bench-"));
  const compile = ["-p", join(root, "tsconfig.build.json"), "--outDir", folder];
  await promisify(execFile)(process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    ...compile,
  ]);
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
