import { deepStrictEqual, ok } from "node:assert/strict";
import { ERROR_CODES, PartywallError, type ErrorCode } from "../../errors.js";
import type { Side } from "./world.js";

/** The names of rows. */
export const namesOf = (rows: readonly { readonly name?: unknown }[]) =>
  rows.map(({ name }) => String(name));

/** Names of a tenant's seeded authors. */
export const authorsOf = ({ mark }: Side) => [1, 2, 3].map((n) => `${mark} author ${n}`);

/** Fails unless everything is as wanted; the order counts. */
export const same: (actual: unknown, wanted: unknown, what?: string) => void = deepStrictEqual;

/** Fails where any of the texts does not begin with the tenant's mark. */
export function onlyOf(side: Side, texts: readonly string[]): void {
  const foreign = texts.filter((text) => !text.startsWith(side.mark));
  same(foreign, [], `rows that are not ${side.mark}'s`);
}

/** Fails unless a promise rejects with a Partywall error of one of the codes; gives the error. */
export async function refused(
  attempt: () => PromiseLike<unknown>,
  ...codes: readonly ErrorCode[]
): Promise<PartywallError> {
  const error = await rejection(attempt);
  ok(
    error instanceof PartywallError,
    `the caller was told ${describe(error)} instead of a Partywall error (${codes.join(", ")})`,
  );
  ok(codes.includes(error.code), `the caller was told ${error.code}, not ${codes.join(" or ")}`);
  same(error.status, ERROR_CODES[error.code].status);
  return error;
}

/** Fails unless a promise rejects, with whatever; gives the error. */
export async function rejection(attempt: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    await attempt();
  } catch (error) {
    return error;
  }
  throw new Error("it was let pass");
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.constructor.name} (${error.message})` : String(error);
}
