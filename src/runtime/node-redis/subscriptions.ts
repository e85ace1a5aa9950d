import type { Argument } from "../redis/argument.js";
import { channelName, channelShown } from "../redis/channels.js";
import type { Keyspace } from "../redis/keyspace.js";
import type { RedisHost, RedisPolicy } from "../redis/options.js";
import type { MessageListener, NativeQueue } from "./native.js";

const COMMANDS: Readonly<Record<string, string>> = {
  CHANNELS: "subscribe",
  PATTERNS: "psubscribe",
  SHARDED: "ssubscribe",
};

/**
 * Subscriptions on the wire names of the scope that makes them. A listener is called in that scope, with the name it asked
 * for; the server's names, by which node-redis subscribes again after a lost connection, stay inside.
 */
export function guardSubscriptions(queue: NativeQueue, host: RedisHost, policy: RedisPolicy): void {
  const inScope = listenersByScope(host);
  const subscribe = queue.subscribe.bind(queue);
  const unsubscribe = queue.unsubscribe.bind(queue);
  const wireNames = (space: Keyspace, type: string, names: Argument | readonly Argument[]) =>
    [names].flat().map((name) => channelName(space, COMMANDS[type] ?? "subscribe", name));

  // They are called where a promise is expected.
  queue.subscribe = rejecting((type, channels, listener, buffers) => {
    const space = policy.keyspace();
    if (space === undefined) return subscribe(type, channels, listener, buffers);
    return subscribe(type, wireNames(space, type, channels), inScope(space, listener), buffers);
  });
  queue.unsubscribe = rejecting((type, channels, listener, buffers) => {
    const space = policy.keyspace();
    if (space === undefined) return unsubscribe(type, channels, listener, buffers);
    const own = listener === undefined ? undefined : inScope(space, listener);
    if (channels !== undefined && [channels].flat().length > 0)
      return unsubscribe(type, wireNames(space, type, channels), own, buffers);
    // Without names the server would end everybody's.
    const names = [...queue.getPubSubListeners(type).keys()].filter((name) => isOf(space, name));
    return names.length === 0 ? undefined : unsubscribe(type, names, own, buffers);
  });
}

function rejecting<Args extends unknown[]>(
  fn: (...args: Args) => Promise<void> | undefined,
): (...args: Args) => Promise<void> | undefined {
  return (...args) => {
    try {
      return fn(...args);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/** The same function for the same listener and keyspace, so that it can be taken off again. */
function listenersByScope(host: RedisHost) {
  const made = new WeakMap<MessageListener, Map<string, MessageListener>>();
  return (space: Keyspace, listener: MessageListener): MessageListener => {
    const of = made.get(listener) ?? new Map<string, MessageListener>();
    made.set(listener, of);
    const found = of.get(space.prefix);
    if (found !== undefined) return found;
    const inside = host.bind(listener);
    const created: MessageListener = (message, channel) =>
      inside(message, channelShown(space, channel as string | Buffer));
    of.set(space.prefix, created);
    return created;
  };
}

function isOf(space: Keyspace, name: string): boolean {
  return name.replace(/^__keyspace@\d+__:/, "").startsWith(space.prefix);
}
