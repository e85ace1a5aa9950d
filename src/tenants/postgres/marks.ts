import { homeMark, markedTenant } from "../../guards/postgres/ddl/tenant-schema.js";

/**
 * How far a home has come, as the comment of its schema or database says: begun for the pool and not filled yet, filled
 * and nobody's, being filled for a tenant, promised to a tenant, being moved into, or a tenant's. The comment is the journal:
 * it is written in the same transaction as what it tells of.
 */
export type Mark =
  | { readonly stage: "making" | "vacant" }
  | { readonly stage: "building" | "claimed" | "settling" | "home"; readonly tenantId: string };

const NOBODYS = {
  making: "partywall: future home, not filled yet",
  vacant: "partywall: vacant home",
} as const;
const TENANTS = {
  building: "partywall: home being filled for tenant ",
  claimed: "partywall: home promised to tenant ",
  settling: "partywall: home prepared for tenant ",
} as const;

/** The comment that says so. */
export function markText(mark: Mark): string {
  if (mark.stage === "home") return homeMark(mark.tenantId);
  return "tenantId" in mark ? TENANTS[mark.stage] + mark.tenantId : NOBODYS[mark.stage];
}

/** What a comment says; undefined where it is no mark. */
export function readMark(comment: string | null | undefined): Mark | undefined {
  if (comment === null || comment === undefined) return undefined;
  const owner = markedTenant(comment);
  if (owner !== undefined) return { stage: "home", tenantId: owner };
  for (const stage of ["making", "vacant"] as const) {
    if (comment === NOBODYS[stage]) return { stage };
  }
  for (const stage of ["building", "claimed", "settling"] as const) {
    const text = TENANTS[stage];
    if (comment.startsWith(text)) return { stage, tenantId: comment.slice(text.length) };
  }
  return undefined;
}

const LOGIN = "partywall: login of tenant ";

/** The comment that marks a role as a tenant's own login. */
export const loginMark = (tenantId: string): string => `${LOGIN}${tenantId}`;
