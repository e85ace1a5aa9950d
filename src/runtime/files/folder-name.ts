import { createHash } from "node:crypto";

const PLAIN = /^[a-z0-9][a-z0-9_-]{0,99}$/;

/**
 * The folder of a realm or a tenant: `=acme` where the name is plain lower case, else `~` and the SHA-256 of it in hexadecimal. Two
 * names that a file system would take for one (in case or in Unicode form) never share a folder, and none is a device on Windows.
 */
export function folderName(name: string): string {
  return PLAIN.test(name) ? `=${name}` : `~${createHash("sha256").update(name).digest("hex")}`;
}
