import { constants } from "node:fs";
import { PartywallError } from "../../errors.js";

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_SYNC } = constants;

const NAMED: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  "r+": O_RDWR,
  "rs+": O_RDWR | O_SYNC,
  w: O_TRUNC | O_CREAT | O_WRONLY,
  wx: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  "w+": O_TRUNC | O_CREAT | O_RDWR,
  "wx+": O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  a: O_APPEND | O_CREAT | O_WRONLY,
  ax: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  as: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  "a+": O_APPEND | O_CREAT | O_RDWR,
  "ax+": O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  "as+": O_APPEND | O_CREAT | O_RDWR | O_SYNC,
};
const KNOWN = O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_SYNC;

/**
 * The bits of a flag as `node:fs` takes it
 * ({@link https://nodejs.org/docs/latest-v20.x/api/fs.html#file-system-flags file system flags}). Throws `PW_STATEMENT_REFUSED` for
 * others.
 */
export function flagBits(flag: unknown, fallback: string): number {
  const given = flag ?? fallback;
  const bits = typeof given === "string" && Object.hasOwn(NAMED, given) ? NAMED[given] : given;
  if (typeof bits === "number" && Number.isInteger(bits) && (bits & ~KNOWN) === 0) return bits;
  throw new PartywallError(
    "PW_STATEMENT_REFUSED",
    'tenantFiles(): a flag was given that it does not know. Give one of those of node:fs, like "r", "w" or "a".',
  );
}
