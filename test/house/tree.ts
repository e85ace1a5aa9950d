import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT, runNode, type Outcome } from "./run.js";

/** Runs `scripts/<check>.js` against a small repository made of `files`, and removes it again. */
export async function check(script: string, files: Record<string, string>): Promise<Outcome> {
  const root = await mkdtemp(join(tmpdir(), "partywall-house-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    return await runNode([`${ROOT}scripts/${script}.js`, root]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
