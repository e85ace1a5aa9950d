import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { createPartywall } from "partywall";
import type { applyWall, guardPg } from "partywall/guards/postgres";

const SOURCE = fileURLToPath(new URL("../../../../src", import.meta.url));

/** One piece of the source to take away; a pattern that is not found exactly once is an error, not a survivor. */
export interface Cut {
  /** Path beneath `src`. */
  readonly file: string;
  readonly find: RegExp;
  readonly replace: string;
}

/** A copy of the code under test with some guard cut out of it. Call `remove` when done. */
export async function mutant(cuts: readonly Cut[]) {
  const folder = await mkdtemp(join(tmpdir(), "partywall-mutant-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await cp(SOURCE, folder, { recursive: true });
    for (const { file, find, replace } of cuts) {
      const path = join(folder, file);
      const source = await readFile(path, "utf8");
      const found = source.match(new RegExp(find, `${find.flags}g`))?.length ?? 0;
      if (found !== 1) {
        throw new Error(
          `The mutation of ${file} finds ${found} times what it cuts: ${find}. Mend it.`,
        );
      }
      await writeFile(
        path,
        source.replace(find, () => replace),
      );
    }
    const core = (await import(join(folder, "partywall.ts"))) as {
      createPartywall: typeof createPartywall;
    };
    const guard = (await import(join(folder, "guards/postgres/guard.ts"))) as {
      guardPg: typeof guardPg;
    };
    const wall = (await import(join(folder, "guards/postgres/ddl/wall.ts"))) as {
      applyWall: typeof applyWall;
    };
    const code = {
      createPartywall: core.createPartywall,
      guardPg: guard.guardPg,
      applyWall: wall.applyWall,
    };
    return { code, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
