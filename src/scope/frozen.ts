/** A value JSON can carry. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Why a value cannot be kept: where in it, and what was found. */
export class NotJsonError extends Error {
  override readonly name = "NotJsonError";
}

const DEEPEST = 32;
// PostgreSQL's jsonb refuses both, and UTF-8 maps every lone surrogate to the same character.
const UNSTORABLE = /[\0]|\p{Surrogate}/u;

/**
 * A deeply frozen copy of plain JSON data. Properties that are undefined are left out; anything else JSON cannot
 * carry (a Date, a class instance, a bigint, a cycle) throws {@link NotJsonError} naming its path.
 */
export function frozenJson(value: unknown, path: string, depth = 0): Json {
  if (depth > DEEPEST) throw new NotJsonError(`${path} is nested deeper than ${DEEPEST} levels`);
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return storable(value, path);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new NotJsonError(`${path} is not a finite number`);
    return value;
  }
  if (Array.isArray(value)) {
    return Object.freeze(
      value.map((item: unknown, index) => frozenJson(item, `${path}[${index}]`, depth + 1)),
    );
  }
  if (isPlainObject(value)) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    // fromEntries defines properties, so a key named __proto__ stays a key.
    return Object.freeze(
      Object.fromEntries(
        entries.map(([key, item]) => [
          storable(key, path),
          frozenJson(item, `${path}.${key}`, depth + 1),
        ]),
      ),
    );
  }
  throw new NotJsonError(`${path} is ${describe(value)}, which JSON cannot carry`);
}

function storable(text: string, path: string): string {
  if (UNSTORABLE.test(text))
    throw new NotJsonError(`${path} holds a NUL character or half of a surrogate pair`);
  return text;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    prototype === null ||
    prototype === Object.prototype ||
    Object.getPrototypeOf(prototype) === null
  );
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return `of type ${typeof value}`;
  const { constructor } = value as { readonly constructor?: unknown };
  return `an instance of ${typeof constructor === "function" ? constructor.name : "an unnamed class"}`;
}
