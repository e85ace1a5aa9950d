// Swaps what stands at a path for a link, and back, until it is ended: swapper.ts <path> <where the link leads>
import { renameSync, symlinkSync, unlinkSync } from "node:fs";

const [path, target] = process.argv.slice(2) as [string, string];
process.stdout.write("begun\n");
for (;;) {
  renameSync(path, `${path}.aside`);
  symlinkSync(target, path);
  unlinkSync(path);
  renameSync(`${path}.aside`, path);
}
