import { PartywallError } from "../errors.js";

/**
 * Throws `PW_CONFIG` on an option nobody knows, or one that is there and `undefined`: a misspelt `authorize` and an
 * audience from an unset variable would otherwise switch a check off without a word.
 */
export function knownOptions(of: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null)
    throw new PartywallError("PW_CONFIG", `${of} needs an object of options.`);
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name))
      throw new PartywallError(
        "PW_CONFIG",
        `${of} does not know the option "${name}". It knows ${known.join(", ")}.`,
      );
    if (value === undefined)
      throw new PartywallError(
        "PW_CONFIG",
        `${of} was given "${name}" as undefined. Give it a value, or leave it out.`,
      );
  }
}
