import { PartywallError } from "../errors.js";
import { guardBatches } from "./node-redis/batches.js";
import { assertGuardable, type NativeClient, type NodeRedisClient } from "./node-redis/native.js";
import { guardSubscriptions } from "./node-redis/subscriptions.js";
import { refuseChains, Wire } from "./node-redis/wire.js";
import { policyOf, type RedisGuardOptions, type RedisHost } from "./redis/options.js";
import { refused } from "./redis/rewrite.js";

export type { NodeRedisClient } from "./node-redis/native.js";
export type { RedisGuardOptions, RedisHost } from "./redis/options.js";

const guarded = new WeakSet<object>();

/**
 * Puts a node-redis client behind the wall and returns the same client: every key and channel of every command carries the
 * prefix `pw:<realm>:{<tenant>}:` of the scope that issues it, and names in replies come back without. Works on one connection
 * and what `duplicate()` makes of it.
 *
 * Throws `PW_CONFIG` for a cluster, sentinel or pool, a client with a client-side cache, one that is guarded already or was
 * used before. A command rejects with `TenantContextError` outside a scope, `PW_STATEMENT_REFUSED` where it is not known to name
 * only keys, and `PW_TRANSACTION_SCOPE` in a transaction of another scope.
 *
 * @example
 * ```ts
 * import { createPartywall } from "partywall";
 * import { guardNodeRedis } from "partywall/runtime/node-redis";
 * import { createClient } from "redis";
 *
 * const pw = createPartywall();
 * const redis = guardNodeRedis(pw, createClient());
 * const visits = (tenant: string) => pw.run(tenant, () => redis.incr("visits"));
 * ```
 */
export function guardNodeRedis<Client extends NodeRedisClient>(
  pw: RedisHost,
  client: Client,
  options: RedisGuardOptions = {},
): Client {
  const policy = policyOf("guardNodeRedis()", pw, options);
  // What createClient() returns inherits from the client, as do those of withTypeMapping() and its like.
  const native = (client as unknown as NativeClient)._self ?? (client as unknown as NativeClient);
  assertGuardable(native);
  if (guarded.has(native))
    throw new PartywallError("PW_CONFIG", "guardNodeRedis(): the client is guarded already.");
  guarded.add(native);

  const queue = native._getQueue();
  guardSubscriptions(queue, pw, policy);
  guardBatches(native, new Wire(native, queue, policy));
  refuseChains(native);
  refuseTheRest(native);
  const duplicate = native.duplicate;
  native.duplicate = function (this: NativeClient, overrides) {
    const copy = duplicate.call(this, overrides) as unknown as NodeRedisClient;
    return guardNodeRedis(pw, copy, options) as unknown as NativeClient;
  };
  return client;
}

function refuseTheRest(client: NativeClient): void {
  const queue = client._getQueue();
  const never = (name: string, why: string) => () => {
    throw refused(name, why);
  };
  queue.monitor = async () => never("monitor", "it tells of every tenant")();
  queue.reset = async () => never("reset", "it ends what others have on the connection")();
  queue.extendPubSubChannelListeners = never("subscribe", "listeners are not taken over");
  queue.extendPubSubListeners = never("subscribe", "listeners are not taken over");
  client.getPubSubListeners = never("pubsub", "the connection's listeners are of every tenant");
  client.createPool = never("connect", "the connections of a pool are not guarded");
}
