/** Something with the oids of what has to be there before it. */
interface Needing {
  readonly oid: string;
  readonly needs: readonly string[];
}

/** Puts what is needed before what needs it, and otherwise keeps the order. */
export function needsFirst<Item extends Needing>(items: readonly Item[]): readonly Item[] {
  const left = new Map(items.map((item) => [item.oid, item]));
  const sorted: Item[] = [];
  const place = (item: Item) => {
    // Taken out before its needs are looked at: rules of views may need one another.
    left.delete(item.oid);
    for (const oid of item.needs) {
      const needed = left.get(oid);
      if (needed) place(needed);
    }
    sorted.push(item);
  };
  for (const item of items) if (left.has(item.oid)) place(item);
  return sorted;
}
