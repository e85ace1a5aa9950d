import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where the program is; Debian puts it where only root's PATH leads. */
export function findPgBouncer(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, "pgbouncer")).find((path) => existsSync(path));
}
