import { PartywallError } from "../errors.js";
import { domainName, isSlug, isTenantId } from "../scope/names.js";
import type { Candidate, Identifier } from "./resolver.js";

/**
 * The identifier a candidate stands for: slugs and domains in lower case, ids as they are; throws `PW_TENANT_INVALID` when it
 * cannot name a tenant and `PW_CONFIG` when the resolver returned something else than a candidate.
 */
export function identify(candidate: Candidate, resolver: string): Identifier {
  const { by, value } = candidate;
  if ((by !== "id" && by !== "slug" && by !== "domain") || typeof value !== "string")
    throw new PartywallError(
      "PW_CONFIG",
      `The resolver "${resolver}" returned neither undefined nor { by: "id" | "slug" | "domain", value: string }. Correct its resolve().`,
    );
  if (by === "id") {
    if (!isTenantId(value)) throw malformed(resolver, `an id of 1 to 200 readable characters`);
    return Object.freeze({ by, value, resolver });
  }
  if (by === "domain") {
    const domain = domainName(value);
    if (domain === undefined) throw malformed(resolver, "a domain");
    return Object.freeze({ by, value: domain, resolver });
  }
  // Only ASCII is folded: toLowerCase() would turn the Kelvin sign into a k.
  const slug = value.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (!isSlug(slug)) throw malformed(resolver, "a slug (a DNS label)");
  return Object.freeze({ by, value: slug, resolver });
}

/** The refusal of a source that is present and cannot name a tenant; never repeats what the client sent. */
export function malformed(resolver: string, expected: string, cause?: unknown): PartywallError {
  return new PartywallError(
    "PW_TENANT_INVALID",
    `The resolver "${resolver}" found something that is not ${expected}. Send a well-formed one, or none.`,
    cause === undefined ? undefined : { cause },
  );
}

/** The refusal of a source that says more than one thing. */
export function ambiguous(resolver: string, what: string): PartywallError {
  return new PartywallError(
    "PW_TENANT_AMBIGUOUS",
    `The resolver "${resolver}" found ${what}. Send exactly one.`,
  );
}
