import { PartywallError } from "../../errors.js";

/** What Windows reads as a stream, a device or another name than the one written. */
const OTHER_ON_WINDOWS =
  /[<>:"|?*]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])(?: *\.|$)/i;
// Half a surrogate pair is refused too: encoded as UTF-8 all of them become the same character.
const UNREADABLE = /[\\\p{Cc}\p{Cs}]/u;

/**
 * The names in a path relative to a tenant's folder; none for the folder itself. Throws `PW_PATH_REFUSED` for an absolute path, a `..`
 * wherever it stands, a backslash, a control character, a drive letter, and anything that is not a string.
 */
export function segmentsOf(path: unknown, platform: string = process.platform): string[] {
  if (typeof path !== "string")
    throw pathRefused("it is not a string; Buffers, URLs and handles are not taken");
  if (path === "" || path.startsWith("/")) throw pathRefused("it is empty or absolute");
  if (UNREADABLE.test(path))
    throw pathRefused("it holds a backslash, a control character or half a character");
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  for (const segment of segments) {
    // A file system may pass over invisible characters: "..\u200c" was ".." to HFS+.
    if (/^\.\.?$/.test(segment.replaceAll(/\p{Cf}/gu, ""))) throw pathRefused("it holds ..");
    if (/^[a-z]:/i.test(segment)) throw pathRefused("it holds a drive letter");
    if (platform === "win32" && OTHER_ON_WINDOWS.test(segment))
      throw pathRefused("Windows reads one of its names as another");
  }
  return segments;
}

/** The error for a path that is refused, or leads where it must not. */
export function pathRefused(why: string): PartywallError {
  return new PartywallError(
    "PW_PATH_REFUSED",
    `A path that cannot be kept to the tenant's folder was refused: ${why}. ` +
      "Give a path relative to the tenant's folder, with forward slashes, without .. and without links.",
  );
}
