import { randomUUID } from "node:crypto";
import { createPartywall } from "partywall";
import type { Partywall, PartywallError, Tenant } from "partywall";
import type { TenancyHost } from "partywall/frameworks/express";
import { onTestFinished } from "vitest";

/** An instance where Acme and Globex are active and Umbra is suspended; closed when the test ends. */
export async function threeTenants(): Promise<Partywall> {
  const pw = createPartywall({ realm: randomUUID() });
  onTestFinished(() => pw.close());
  for (const slug of ["acme", "globex", "umbra"])
    // oxlint-disable-next-line no-await-in-loop -- in memory
    await pw.tenants.create({ id: `t-${slug}`, slug, name: slug });
  await pw.tenants.suspend("t-umbra");
  return pw;
}

/** The instance, calling `left` with the tenant's id when one of its scopes has ended. */
export function watched(pw: Partywall, left: (id: string) => void): TenancyHost {
  return { ...pw, run: (key, fn, how) => pw.run(key, fn, how).finally(() => left(key.id)) };
}

/** The slug of the tenant current here, or the code of the error that there is none. */
export function where(pw: { current(): Pick<Tenant, "slug"> }): string {
  try {
    return pw.current().slug;
  } catch (error) {
    return (error as PartywallError).code;
  }
}
