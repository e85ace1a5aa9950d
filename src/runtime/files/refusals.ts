import { PartywallError } from "../../errors.js";

/** A function for each name, which rejects with `PW_STATEMENT_REFUSED`. */
export function refusals(names: readonly string[]): Record<string, () => Promise<never>> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      async () => {
        throw notOffered(`${name}()`);
      },
    ]),
  );
}

/** The error for what is not known to stay within a tenant's folder. */
export function notOffered(what: string): PartywallError {
  return new PartywallError(
    "PW_STATEMENT_REFUSED",
    `tenantFiles() does not offer ${what}: it is not known to stay within a tenant's folder. Nothing was done.`,
  );
}
