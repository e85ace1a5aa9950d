/** Statements that create one object. */
export interface Creation {
  /** Whose they are. */
  readonly key: string;
  /** The order among those that do not need each other. */
  readonly rank: number;
  readonly sql: string;
}

/** One object that needs another first. */
export interface Need {
  readonly key: string;
  readonly needs: string;
}

/**
 * Creations so ordered that each comes after what it needs, by rank otherwise; and the keys of those that need each
 * other, which have no order.
 */
export function inOrderOfCreation(
  creations: readonly Creation[],
  needs: readonly Need[],
): { readonly ordered: readonly Creation[]; readonly circular: readonly string[] } {
  const keys = new Set(creations.map(({ key }) => key));
  const waits = new Map<string, Set<string>>();
  for (const { key, needs: other } of needs) {
    if (key === other || !keys.has(key) || !keys.has(other)) continue;
    waits.set(key, (waits.get(key) ?? new Set()).add(other));
  }
  const ordered: Creation[] = [];
  const done = new Set<string>();
  let left = creations.toSorted((a, b) => a.rank - b.rank || compareKeys(a.key, b.key));
  while (left.length > 0) {
    const at = left.findIndex(({ key }) => [...(waits.get(key) ?? [])].every((k) => done.has(k)));
    if (at < 0) return { ordered, circular: left.map(({ key }) => key) };
    const next = left[at]!;
    ordered.push(next);
    left = left.toSpliced(at, 1);
    if (!left.some(({ key }) => key === next.key)) done.add(next.key);
  }
  return { ordered, circular: [] };
}

// Older objects first: they were created without the newer ones once.
function compareKeys(a: string, b: string): number {
  const [one, other] = [a, b].map((key) => Number(/\d+/.exec(key)?.[0]));
  return one! - other! || (a < b ? -1 : 1);
}
