import { PartywallError } from "../../errors.js";
import { COMMANDS, HARMLESS, type Naming } from "./commands.js";
import { copySource } from "./copy-source.js";
import { keyRefused, type Keys } from "./keys.js";
import type { Fields } from "./native.js";

/** Fields of an object to delete; another one is refused, since it could name an object. */
const OF_AN_OBJECT = new Set(["Key", "VersionId", "ETag", "LastModifiedTime", "Size"]);

/**
 * What a command takes, with each name of an object kept to the tenant's. Throws `PW_STATEMENT_REFUSED` for a command or field that
 * is not known to name only objects, and `PW_PATH_REFUSED` for a key that is refused.
 */
export function scopedInput(keys: Keys, commandName: string | undefined, input: Fields): Fields {
  const command = commandName?.replace(/Command$/, "") ?? "";
  const names = COMMANDS.get(command);
  if (names === undefined)
    throw refused(
      `${command || "A command without a name"} is not known to stay with one tenant's objects`,
    );
  const scoped: Record<string, unknown> = {};
  for (const field of Object.keys(input)) {
    if (Object.hasOwn(names, field)) continue;
    if (input[field] === undefined) continue;
    if (!HARMLESS.has(field))
      throw refused(
        `the field ${JSON.stringify(field)} of ${command} is not known to name no object`,
      );
    scoped[field] = input[field];
  }
  for (const [field, naming] of Object.entries(names)) {
    const value = named(keys, naming, input[field]);
    if (value !== undefined) scoped[field] = value;
  }
  return scoped;
}

function named(keys: Keys, naming: Naming, value: unknown): unknown {
  if (naming === "key") return keys.of(value);
  if (naming === "source") return copySource(keys, value);
  if (naming === "objects") return objects(keys, value);
  if (naming === "beginning") return keys.beginning(value);
  return value === undefined || value === "" ? undefined : keys.of(value);
}

function objects(keys: Keys, given: unknown): Fields {
  const { Objects: list, Quiet, ...others } = { ...(given as Fields) };
  if (Object.keys(others).length > 0 || !Array.isArray(list))
    throw keyRefused("objects to delete are given as Delete: { Objects: [{ Key }] }");
  return {
    ...(Quiet === undefined ? {} : { Quiet }),
    Objects: list.map((one: Fields) => {
      const unknown = Object.keys(one).find((field) => !OF_AN_OBJECT.has(field));
      if (unknown !== undefined)
        throw refused(`the field ${JSON.stringify(unknown)} of an object to delete is not known`);
      return { ...one, Key: keys.of(one["Key"]) };
    }),
  };
}

function refused(what: string): PartywallError {
  return new PartywallError(
    "PW_STATEMENT_REFUSED",
    `guardS3(): ${what}. Nothing was sent. What concerns a bucket or account is done in pw.system() by a client guarded with ` +
      "system: true.",
  );
}
