/** A row about a table or of it, by the table's oid. */
export type Of<Item> = Item & { readonly of: string };

/** What rows say of each table, by its oid and in their order. */
export function byTable<Item extends object>(
  rows: readonly Of<Item>[],
): ReadonlyMap<string, readonly Omit<Of<Item>, "of">[]> {
  const found = new Map<string, Omit<Of<Item>, "of">[]>();
  for (const { of, ...item } of rows) {
    const items = found.get(of);
    if (items) items.push(item);
    else found.set(of, [item]);
  }
  return found;
}
