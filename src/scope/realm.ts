import { PartywallError } from "../errors.js";
import { anchor } from "./anchor.js";

const REALM = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Throws `PW_CONFIG` unless the name can be a realm. */
export function assertRealm(realm: unknown): asserts realm is string {
  if (typeof realm === "string" && REALM.test(realm)) return;
  throw new PartywallError(
    "PW_CONFIG",
    "createPartywall({ realm }): a realm is 1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit.",
  );
}

/**
 * Claims a realm name for one instance and returns the function that gives it up. Instances that share a secret
 * share the realm (a reload, two copies of a module); without a common secret they are strangers that would see
 * each other's tenants, so the second throws `PW_CONFIG`.
 */
export function claimRealm(realm: string, fingerprints: readonly string[]): () => void {
  const held = anchor.realms.get(realm);
  const strangers =
    held !== undefined &&
    held.fingerprints.length > 0 &&
    fingerprints.length > 0 &&
    !fingerprints.some((one) => held.fingerprints.includes(one));
  if (strangers) {
    throw new PartywallError(
      "PW_CONFIG",
      `Another Partywall instance of this process uses the realm "${realm}" with other secrets, so the two would see each ` +
        "other's tenants. Give each its own createPartywall({ realm }), or close the first.",
    );
  }
  const claim = held ?? { fingerprints: [], instances: 0 };
  claim.fingerprints = [...new Set([...claim.fingerprints, ...fingerprints])];
  claim.instances += 1;
  anchor.realms.set(realm, claim);
  let released = false;
  return () => {
    if (released) return;
    released = true;
    claim.instances -= 1;
    if (claim.instances === 0) anchor.realms.delete(realm);
  };
}
