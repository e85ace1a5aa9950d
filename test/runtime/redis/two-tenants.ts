import { createPartywall } from "partywall";

/** Tenants whose ids are made to be taken for one another, and the prefix of each. */
export const A = "a";
export const B = "a}:b{*";
export const PREFIX_A = "pw:default:{a}:";
export const PREFIX_B = "pw:default:{a%7D%3Ab%7B%2A}:";

/** An instance with both. */
export async function twoTenants() {
  const pw = createPartywall();
  await pw.tenants.create({ id: A, slug: "a", name: "A" });
  await pw.tenants.create({ id: B, slug: "b", name: "B" });
  return pw;
}
