import type { ReplyNames } from "./commands.js";
import type { Keyspace } from "./keyspace.js";

type Cleaner = (space: Keyspace, items: readonly unknown[]) => unknown[];

const removed: Cleaner = (space, items) => items.map((name) => space.remove(name));
const everyOtherRemoved: Cleaner = (space, items) =>
  items.map((item, index) => (index % 2 === 0 ? space.remove(item) : item));

const CLEANERS: Readonly<Record<Exclude<ReplyNames, "none">, Cleaner>> = {
  list: removed,
  scan: (space, [cursor, names]) => [cursor, removed(space, names as readonly unknown[])],
  first: (space, [name, ...rest]) => [space.remove(name), ...rest],
  pairs: everyOtherRemoved,
  // A map is read as a flat list where RESP3 is spoken and no maps are wanted.
  entries: (space, items) =>
    Array.isArray(items[0])
      ? (items as unknown[][]).map(([name, ...rest]) => [space.remove(name), ...rest])
      : everyOtherRemoved(space, items),
};

/** The reply with the scope's prefix taken off the names in it. Throws `PW_GUARD_BYPASSED` for a name of somebody else. */
export function withoutPrefix(space: Keyspace, names: ReplyNames, reply: unknown): unknown {
  // In a transaction an error is a reply too.
  if (names === "none" || reply === null || reply instanceof Error) return reply;
  if (names === "entries" && !Array.isArray(reply)) return byName(space, reply);
  // "QUEUED", in a transaction.
  if (!Array.isArray(reply) || reply.length === 0) return reply;
  return CLEANERS[names](space, reply as readonly unknown[]);
}

function byName(space: Keyspace, reply: unknown): unknown {
  if (reply instanceof Map)
    return new Map(
      [...(reply as Map<unknown, unknown>)].map(([name, value]) => [space.remove(name), value]),
    );
  if (typeof reply !== "object" || reply instanceof Uint8Array) return reply;
  const found = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(reply as object)) found[space.remove(name)] = value;
  return found;
}
