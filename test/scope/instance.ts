import { randomUUID } from "node:crypto";
import {
  createPartywall,
  PartywallError,
  type ErrorCode,
  type Guard,
  type Partywall,
  type PartywallOptions,
} from "partywall";

export const SECRET = "a secret of the tests, thirty-two or more";

/** An instance in a realm of its own, with the active tenants acme and globex. */
export async function twoTenants(
  options: Omit<PartywallOptions<undefined, Guard>, "tenant"> = {},
): Promise<Partywall> {
  const pw = createPartywall({ realm: randomUUID(), secret: SECRET, ...options });
  for (const id of ["acme", "globex"]) await pw.tenants.create({ id, slug: id, name: id });
  return pw;
}

/** The code a call fails with, whether it throws or rejects; undefined when it succeeds. */
export async function codeOf(call: () => unknown): Promise<ErrorCode | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    if (error instanceof PartywallError) return error.code;
    throw error;
  }
}

/** What a call is rejected with. Throws when it succeeds. */
export async function rejectionOf(call: () => unknown): Promise<unknown> {
  let value: unknown;
  try {
    value = await call();
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${typeof value}`);
}

/** Slug of the tenant current here, or undefined. */
export function here(pw: Partywall): string | undefined {
  return pw.tryCurrent()?.slug;
}
