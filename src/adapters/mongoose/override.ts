import { PartywallError } from "../../errors.js";

type Method = (this: object, ...args: unknown[]) => unknown;

/**
 * Puts a method around one of Mongoose's, which every instance of that copy of Mongoose shares. Throws `PW_CONFIG` where
 * there is none of that name.
 */
export function override(
  prototype: object,
  name: string,
  around: (original: Method) => Method,
): void {
  const original: unknown = Reflect.get(prototype, name);
  if (typeof original !== "function") {
    throw new PartywallError(
      "PW_CONFIG",
      `This is not a Mongoose that guardMongoose() knows: it lacks ${name}(). Pass Mongoose 8.24 or later, or 9.`,
    );
  }
  const value = around(original as Method);
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
}
