/** A name of the database as a key of an object: `ordersTenantIdIdx` for `orders_tenant_id_idx`. */
export function camelCase(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? ["key"];
  const joined = words
    .map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
    .join("");
  return /^\p{N}/u.test(joined) ? `_${joined}` : joined;
}
