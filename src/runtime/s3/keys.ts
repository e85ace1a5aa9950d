import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";

const PLAIN = /^[a-z0-9][a-z0-9_-]{0,99}$/;
// Control characters and half a character have no one form in XML and in URLs; servers on disks take a backslash for a slash.
const UNREADABLE = /[\\\p{Cc}\p{Cs}]/u;
// Servers, proxies and browsers may decode a key once more than they should.
const DOT = /%(?:25)*2e/giu;
const SLASH = /%(?:25)*(?:2f|5c)/giu;

/** The objects of one tenant: those whose keys begin with its prefix. */
export class Keys {
  readonly prefix: string;

  constructor(root: string, realm: string, tenantId: string) {
    this.prefix = `${root}${nameOf(realm)}/${nameOf(tenantId)}/`;
  }

  /** The key on the server of a key of the application. Throws `PW_PATH_REFUSED`. */
  of(key: unknown): string {
    if (typeof key !== "string" || key === "") throw keyRefused("it is empty, or not a string");
    return this.prefix + readable(key);
  }

  /** As {@link of}, for what keys begin with: nothing means all of the tenant's. */
  beginning(with_: unknown): string {
    return with_ === undefined || with_ === "" ? this.prefix : this.of(with_);
  }

  /** A key of the application for one that the server names. Throws `PW_GUARD_FAILED` for another tenant's. */
  own(key: unknown): unknown {
    // Servers answer an empty marker where none was given.
    if (key === undefined || key === null || key === "") return key;
    if (typeof key === "string" && key.startsWith(this.prefix))
      return key.slice(this.prefix.length);
    throw new PartywallError(
      "PW_GUARD_FAILED",
      "The server of objects named a key that does not belong to the current tenant. Nothing of its answer is handed on; " +
        "look at what stands between the client and the server.",
    );
  }
}

/** The error for a key that is refused. */
export function keyRefused(why: string): PartywallError {
  return new PartywallError(
    "PW_PATH_REFUSED",
    `A key that cannot be kept to the tenant's objects was refused: ${why}. ` +
      "Give a key without dot segments, backslashes and control characters. Nothing was sent.",
  );
}

function readable(key: string): string {
  if (UNREADABLE.test(key))
    throw keyRefused("it holds a backslash, a control character or half a character");
  const decoded = key
    .replaceAll(DOT, ".")
    .replaceAll(SLASH, "/")
    .replaceAll(/\p{Cf}/gu, "");
  if (decoded.split("/").some((name) => name === "." || name === ".."))
    throw keyRefused("it holds a dot segment, perhaps encoded");
  return key;
}

// Each begins in its own way, so that no id can be another one's hash; ids that differ in case never meet.
function nameOf(name: string): string {
  return PLAIN.test(name) ? `t-${name}` : `h-${createHash("sha256").update(name).digest("hex")}`;
}
