import { PartywallError } from "../../errors.js";
import type { Scope } from "../../scope/scope.js";
import { keyspaceOf, type Keyspace } from "./keyspace.js";
import { scriptDigest, type RedisRules } from "./rewrite.js";

/**
 * The part of a Partywall instance that a Redis client uses; what `createPartywall` returns fits.
 *
 * @example
 * ```ts
 * import type { RedisHost } from "partywall/runtime/ioredis";
 *
 * const kind = (host: RedisHost) => host.scope()?.kind;
 * ```
 */
export interface RedisHost {
  readonly realm: string;
  scope(): Scope | undefined;
  bind<This, Args extends unknown[], Result>(
    fn: (this: This, ...args: Args) => Result,
  ): (this: This, ...args: Args) => Result;
}

/**
 * What a guarded Redis client takes; options are read once.
 *
 * @example
 * ```ts
 * import type { RedisGuardOptions } from "partywall/runtime/ioredis";
 *
 * export const options: RedisGuardOptions = {
 *   scripts: ["return redis.call('get', KEYS[1])"],
 * };
 * ```
 */
export interface RedisGuardOptions {
  /**
   * Lua scripts that may be sent, as their texts; `true` for every script and function. A script can name any key, whatever
   * is passed as KEYS: list only those that touch none but their KEYS. None unless told.
   */
  readonly scripts?: true | readonly string[];
  /**
   * `true`: in a system scope commands go to the server as they are, all of them and without a prefix. Unless told, they
   * are refused there.
   */
  readonly system?: boolean;
}

/** The options as the guards read them. */
export interface RedisPolicy {
  readonly rules: RedisRules;
  /** The keyspace of this moment's scope; undefined for a system scope that is let through. Throws without a scope. */
  keyspace(): Keyspace | undefined;
}

/** Throws `PW_CONFIG` for options that cannot be meant. */
export function policyOf(of: string, host: RedisHost, options: RedisGuardOptions): RedisPolicy {
  for (const name of Object.keys(options))
    if (name !== "scripts" && name !== "system")
      throw new PartywallError("PW_CONFIG", `${of} does not know the option "${name}".`);
  const { scripts, system } = options;
  if (scripts !== undefined && scripts !== true && !isTexts(scripts))
    throw new PartywallError("PW_CONFIG", `${of}: scripts is true or a list of Lua texts.`);
  if (system !== undefined && typeof system !== "boolean")
    throw new PartywallError("PW_CONFIG", `${of}: system is true or false.`);
  return {
    rules: { scripts: isTexts(scripts) ? new Set(scripts.map(scriptDigest)) : scripts },
    keyspace: () => keyspaceOf(host.realm, host.scope(), system === true),
  };
}

function isTexts(scripts: unknown): scripts is readonly string[] {
  return Array.isArray(scripts) && scripts.every((one) => typeof one === "string");
}
