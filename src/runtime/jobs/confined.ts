import { PartywallError } from "../../errors.js";
import type { JobHost } from "./host.js";

/** What is let through of an object that all tenants share. */
export interface Confinement {
  /** What it is, for the message of a refusal. */
  readonly kind: string;
  /** Members that take no job and show none. */
  readonly harmless: ReadonlySet<string>;
  /** Methods in place of its own. */
  readonly methods: Readonly<Record<string, (...given: never[]) => unknown>>;
}

/** The object with methods of its own in place of some of its members; what is unknown is for a system scope alone. */
export function confined<Native extends object>(
  pw: Pick<JobHost, "scope">,
  native: Native,
  { kind, harmless, methods }: Confinement,
): Native {
  const guarded: Native = new Proxy(native, {
    get(target, key) {
      if (typeof key === "string" && Object.hasOwn(methods, key)) return methods[key];
      // Nest looks for hooks on whatever it provides.
      if (!Reflect.has(target, key)) return undefined;
      if (typeof key === "string" && !harmless.has(key) && pw.scope()?.kind !== "system")
        throw shared(kind, key);
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...given: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, given);
        // What is chained stays confined.
        return result === target ? guarded : result;
      };
    },
  });
  return guarded;
}

function shared(kind: string, member: string): PartywallError {
  return new PartywallError(
    "PW_STATEMENT_REFUSED",
    `${member} of ${kind} shows or changes the jobs of all tenants, so it works in a system scope alone. Call it inside pw.system({ reason }, fn).`,
  );
}
