import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createJiti } from "jiti";

/** Imports modules of an application, TypeScript or not; each file once, whoever imports it. */
export interface ModuleLoader {
  /** The exports of the module in a file. Rejects with what the module throws. */
  load(file: string): Promise<Readonly<Record<string, unknown>>>;
}

/** A loader for the application in a folder. */
export function moduleLoader(folder: string): ModuleLoader {
  const jiti = createJiti(join(folder, "partywall.config.ts"), {
    // In the project or not at all: others may write to the shared temporary folder, and this is code that will run.
    fsCache: cacheFolder(folder) ?? false,
    tsconfigPaths: true,
  });
  return { load: (file) => jiti.import(file) };
}

function cacheFolder(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const modules = join(at, "node_modules");
    if (existsSync(modules)) return join(modules, ".cache", "partywall");
    if (dirname(at) === at) return undefined;
  }
}
