import { PartywallError } from "../../errors.js";
import { tenantOf } from "../../scope/current.js";
import type { Scope } from "../../scope/scope.js";
import type { Argument } from "./argument.js";

/** The names of one tenant, or of the central scope, among all names of a Redis server. */
export interface Keyspace {
  /** What every key and channel of it begins with. Holds nothing that a Redis pattern gives a meaning. */
  readonly prefix: string;
  /** The argument with the prefix before it; bytes stay bytes. */
  add(name: Argument): Argument;
  /** A name in a reply without the prefix. Throws `PW_GUARD_BYPASSED` where it belongs to somebody else. */
  remove<Name>(name: Name): Name;
}

/** The keyspace of a scope; undefined for a system scope, where that is let through. */
export function keyspaceOf(
  realm: string,
  scope: Scope | undefined,
  system: boolean,
): Keyspace | undefined {
  if (scope?.kind === "system" && system) return undefined;
  if (scope?.kind === "central") return keyspace(`pw:${encoded(realm)}:central:`);
  return keyspace(tenantPrefix(realm, tenantOf(scope).id));
}

/**
 * What the names of a tenant begin with. The braces are a hash tag: a cluster keeps a tenant's keys in one slot
 * ({@link https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ Redis cluster specification}).
 */
export function tenantPrefix(realm: string, tenantId: string): string {
  return `pw:${encoded(realm)}:{${encoded(tenantId)}}:`;
}

/** Leaves no colon, brace or pattern character, so that no id is the beginning of another's prefix. */
function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll("*", "%2A");
}

const known = new Map<string, Keyspace>();
const MOST_KNOWN = 10_000;

function keyspace(prefix: string): Keyspace {
  const found = known.get(prefix);
  if (found !== undefined) return found;
  if (known.size >= MOST_KNOWN) known.clear();
  const bytes = Buffer.from(prefix);
  const created = Object.freeze<Keyspace>({
    prefix,
    add: (name) =>
      typeof name === "string" ? prefix + name : Buffer.concat([bytes, Buffer.from(name)]),
    remove: <Name>(name: Name): Name => {
      if (typeof name === "string" && name.startsWith(prefix))
        return name.slice(prefix.length) as Name;
      if (name instanceof Uint8Array && bytes.equals(name.subarray(0, bytes.length)))
        return name.subarray(bytes.length) as Name;
      throw new PartywallError(
        "PW_GUARD_BYPASSED",
        "Redis answered with a name outside the keyspace of the scope that asked. Nothing of the reply is handed on. " +
          "Report it with the command that was sent.",
      );
    },
  });
  known.set(prefix, created);
  return created;
}
