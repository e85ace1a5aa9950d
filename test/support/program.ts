import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where a program is: on PATH, or in /usr/sbin, where Debian puts some and only root's PATH leads. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
