/** A weakness of PostgreSQL that concerns row security, and where it was mended. */
export interface FixedWeakness {
  readonly cve: string;
  /** What it let happen, to follow "this server". */
  readonly what: string;
  /** `server_version_num` of the first release of each major version without it; those of later majors never had it. */
  readonly fixed: readonly number[];
}

/**
 * Weaknesses of PostgreSQL 15 and later that concern row security.
 *
 * Source: https://www.postgresql.org/support/security/
 */
export const FIXED_WEAKNESSES: readonly FixedWeakness[] = [
  {
    cve: "CVE-2023-2455",
    what: "may apply another user's policies after a function was inlined",
    fixed: [150003],
  },
  {
    cve: "CVE-2023-39418",
    what: "does not apply UPDATE and SELECT policies in MERGE",
    fixed: [150004],
  },
  {
    cve: "CVE-2024-4317",
    what: "shows extended statistics of other users' tables",
    fixed: [150007, 160003],
  },
  {
    cve: "CVE-2024-10976",
    what: "may apply another user's policies below subqueries",
    fixed: [150009, 160005, 170001],
  },
  {
    cve: "CVE-2024-10978",
    what: "may reset SET ROLE to the wrong user",
    fixed: [150009, 160005, 170001],
  },
  {
    cve: "CVE-2025-8713",
    what: "shows sampled values of rows that row security hides, through the optimizer's statistics",
    fixed: [150014, 160010, 170006],
  },
];

/** Whether a release, by its `server_version_num`, has a weakness. */
export function hasWeakness({ fixed }: FixedWeakness, version: number): boolean {
  const major = Math.floor(version / 10_000);
  return fixed.some((release) => Math.floor(release / 10_000) === major && version < release);
}
