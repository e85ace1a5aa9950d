import { PartywallError } from "../errors.js";
import { assertGuardable, type IoredisClient, type NativeClient } from "./ioredis/native.js";
import { assertPipelines, guardPipeline } from "./ioredis/pipelines.js";
import { Subscriptions } from "./ioredis/subscriptions.js";
import { Wire } from "./ioredis/wire.js";
import { policyOf, type RedisGuardOptions, type RedisHost } from "./redis/options.js";

export type { IoredisClient } from "./ioredis/native.js";
export type { RedisGuardOptions, RedisHost } from "./redis/options.js";

const guarded = new WeakSet<object>();

/**
 * Puts an ioredis client behind the wall and returns the same client: every key and channel of every command carries the
 * prefix `pw:<realm>:{<tenant>}:` of the scope that issues it, and names in replies come back without. Works on one connection
 * and what `duplicate()` makes of it.
 *
 * Throws `PW_CONFIG` for a Cluster, a monitoring client, one that is guarded already or was used before. A command rejects
 * with `TenantContextError` outside a scope, `PW_STATEMENT_REFUSED` where it is not known to name only keys, and
 * `PW_TRANSACTION_SCOPE` in a transaction of another scope; a pipeline throws these when the command is added.
 *
 * @example
 * ```ts
 * import { Redis } from "ioredis";
 * import { createPartywall } from "partywall";
 * import { guardIoredis } from "partywall/runtime/ioredis";
 *
 * const pw = createPartywall();
 * const redis = guardIoredis(pw, new Redis({ lazyConnect: true }));
 * const visits = (tenant: string) => pw.run(tenant, () => redis.incr("visits"));
 * ```
 */
export function guardIoredis<Client extends IoredisClient>(
  pw: RedisHost,
  client: Client,
  options: RedisGuardOptions = {},
): Client {
  const policy = policyOf("guardIoredis()", pw, options);
  const native = client as unknown as NativeClient;
  assertGuardable(native);
  if (guarded.has(native))
    throw new PartywallError("PW_CONFIG", "guardIoredis(): the client is guarded already.");
  const pipeline = native.pipeline.bind(native);
  const multi = native.multi.bind(native);
  const duplicate = native.duplicate.bind(native);
  assertPipelines(pipeline());
  const { autoResubscribe } = native.options;
  const wire = new Wire(native, policy, new Subscriptions(native, pw, policy));
  guarded.add(native);

  native.sendCommand = (command, stream, node) => wire.send(command, stream, node);
  const filled = (made: ReturnType<typeof pipeline>, batch: unknown) => {
    const guardedPipeline = guardPipeline(native, wire, made);
    if (Array.isArray(batch)) guardedPipeline.addBatch(batch);
    return guardedPipeline;
  };
  native.pipeline = (batch?: unknown) => filled(pipeline(), batch);
  native.multi = (batch?: unknown, settings?: unknown) => {
    const chosen = Array.isArray(batch) ? settings : (settings ?? batch);
    const made = multi(chosen);
    return "addBatch" in made ? filled(made, batch) : made;
  };
  native.duplicate = (override) => {
    // Before it is made: a connection that cannot be guarded must not be opened.
    assertGuardable(native, override ?? {});
    const copy = duplicate({
      ...(autoResubscribe === undefined ? {} : { autoResubscribe }),
      ...override,
    });
    return guardIoredis(pw, copy as unknown as IoredisClient, options) as unknown as NativeClient;
  };
  return client;
}
