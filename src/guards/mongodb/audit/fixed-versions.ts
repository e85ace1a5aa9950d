/** A weakness of MongoDB that shows what the guard keeps apart, and where it was mended. */
export interface FixedWeakness {
  readonly cve: string;
  /** What it lets happen, to follow the server's version. */
  readonly what: string;
  /** The first release of each series without it. Older series have it, later ones never had it. */
  readonly fixed: readonly (readonly [major: number, minor: number, patch: number])[];
}

/**
 * Weaknesses of MongoDB 4.4 and later that concern what tenants can read of each other.
 *
 * Source: https://jira.mongodb.org/browse/SERVER-115508
 */
export const FIXED_WEAKNESSES: readonly FixedWeakness[] = [
  {
    cve: "CVE-2025-14847",
    what: "shows parts of its memory, other tenants' documents among them, to whoever sends it a compressed message",
    fixed: [
      [8, 2, 3],
      [8, 0, 17],
      [7, 0, 28],
      [6, 0, 27],
      [5, 0, 32],
      [4, 4, 30],
    ],
  },
];

/** Whether a release has a weakness. */
export function hasWeakness(
  { fixed }: FixedWeakness,
  [major = 0, minor = 0, patch = 0]: readonly number[],
): boolean {
  const own = fixed.find(([a, b]) => a === major && b === minor);
  if (own !== undefined) return patch < own[2];
  const [newestMajor, newestMinor] = fixed[0]!;
  return major < newestMajor || (major === newestMajor && minor < newestMinor);
}
