import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Flags, FlagValues } from "./flags.js";
import { UsageError } from "./usage-error.js";

/** The flags of every command. */
export const GLOBAL_FLAGS = {
  help: { type: "boolean", short: "h", summary: "Shows how the program or a command is used." },
  version: { type: "boolean", summary: "Prints the version." },
  json: {
    type: "boolean",
    summary: "Prints JSON and nothing else on standard output, errors as JSON on standard error.",
  },
  config: {
    type: "string",
    value: "file",
    summary:
      "Configuration to read; otherwise partywall.config.ts, .mts, .js or .mjs in the folder.",
  },
  cwd: { type: "string", value: "folder", summary: "Works as if started in this folder." },
  env: {
    type: "string",
    value: "file",
    multiple: true,
    summary: "Reads variables from a file (NAME=value); those that are set already stay.",
  },
  verbose: { type: "boolean", summary: "Prints errors with their stacks." },
} as const satisfies Flags;

/** What {@link GLOBAL_FLAGS} came to. */
export type GlobalValues = FlagValues<typeof GLOBAL_FLAGS>;

/** Fills an environment from the files of `--env`. Throws {@link UsageError} for one that cannot be read. */
export function readEnvFiles(
  files: readonly string[],
  cwd: string,
  env: Record<string, string | undefined>,
): void {
  for (const name of files) {
    const file = resolve(cwd, name);
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (cause) {
      throw new UsageError(`--env names ${file}, which cannot be read. Mend the path.`, {
        cause,
      });
    }
    for (const [variable, value] of Object.entries(parseEnv(text))) env[variable] ??= value;
  }
}
