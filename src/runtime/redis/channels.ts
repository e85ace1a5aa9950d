import { PartywallError } from "../../errors.js";
import type { Argument } from "./argument.js";
import type { Keyspace } from "./keyspace.js";

/** What Redis calls the channel of what happens to one key; the key follows. */
const KEYSPACE_EVENT = /^(__keyspace@\d{1,4}__:)([^]*)$/;

/**
 * The name of a channel, or of a pattern of channels, on the wire. Redis itself publishes what happens to a key on
 * `__keyspace@<db>__:<key>`, which is kept and its key prefixed; other `__key…` names would tell of everybody's keys.
 */
export function channelName(space: Keyspace, command: string, name: Argument): Argument {
  const bytes = typeof name === "string" ? name : Buffer.from(name).toString("latin1");
  if (!bytes.startsWith("__key")) return space.add(name);
  const event = KEYSPACE_EVENT.exec(bytes);
  if (event === null || command.endsWith("publish"))
    throw new PartywallError(
      "PW_STATEMENT_REFUSED",
      `${command.toUpperCase()} was not sent to Redis: of the server's own channels only __keyspace@<db>__:<key> belong to one tenant. ` +
        "Subscribe to the keys instead of to the events.",
    );
  const [, channel = "", key = ""] = event;
  return typeof name === "string"
    ? channel + (space.add(key) as string)
    : Buffer.concat([Buffer.from(channel), Buffer.from(space.add(Buffer.from(key, "latin1")))]);
}

/** The name that a subscriber knows the channel by. */
export function channelShown<Name extends string | Uint8Array>(space: Keyspace, wire: Name): Name {
  const bytes = typeof wire === "string" ? wire : Buffer.from(wire).toString("latin1");
  const event = bytes.startsWith("__key") ? KEYSPACE_EVENT.exec(bytes) : null;
  if (event === null) return space.remove(wire);
  const [, channel = ""] = event;
  const key = space.remove(
    typeof wire === "string"
      ? wire.slice(channel.length)
      : Buffer.from(wire.subarray(channel.length)),
  );
  return (
    typeof key === "string" ? channel + key : Buffer.concat([Buffer.from(channel), key])
  ) as Name;
}
