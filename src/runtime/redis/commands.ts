import type { Argument } from "./argument.js";
import {
  all,
  allButFirst,
  allButLast,
  counted,
  everyOther,
  first,
  firstAndStored,
  firstTwo,
  none,
  second,
  streams,
  type KeyFinder,
} from "./keys.js";

/** Where a reply holds names. */
export type ReplyNames =
  | "none"
  /** The reply is a list of names. */
  | "list"
  /** `[cursor, names]` */
  | "scan"
  /** `[name, …]` */
  | "first"
  /** `[[name, …], …]`, or a map by name */
  | "entries"
  /** `[name, count, name, count …]` */
  | "pairs";

/** What is known of a command that may be sent. */
export interface CommandRule {
  readonly keys: KeyFinder;
  readonly reply: ReplyNames;
  /** Which further arguments name something, and how they are rewritten. */
  readonly special?: "scan" | "keys" | "sort" | "script" | "subscribe" | "publish" | "pubsub";
  /** Subcommands that may be sent; the first argument names them. */
  readonly only?: readonly string[];
  /** Words that may not follow the keys. */
  readonly not?: readonly string[];
}

const table = new Map<string, CommandRule>();
const add = (names: string, keys: KeyFinder, more: Partial<CommandRule> = {}): void => {
  for (const name of names.trim().split(/\s+/)) table.set(name, { keys, reply: "none", ...more });
};

// The key positions are those of Redis' own key specifications (COMMAND INFO); the test asks COMMAND GETKEYS.
add("ping echo time multi exec discard unwatch quit wait", none);
add("append get getbit getdel getex getrange getset set setbit setex setnx setrange strlen", first);
add(
  "substr psetex incr incrby incrbyfloat decr decrby bitcount bitfield bitfield_ro bitpos",
  first,
);
add("dump expire expireat expiretime persist pexpire pexpireat pexpiretime pttl ttl type", first);
add("hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield", first);
add("hscan hset hsetnx hstrlen hvals", first);
add("hexpire hexpireat hexpiretime hpersist hpexpire hpexpireat hpexpiretime hpttl httl", first);
add("hgetdel hgetex hsetex", first);
add("lindex linsert llen lpop lpos lpush lpushx lrange lrem lset ltrim rpop rpush rpushx", first);
add("sadd scard sismember smembers smismember spop srandmember srem sscan", first);
add("zadd zcard zcount zincrby zlexcount zmscore zpopmax zpopmin zrandmember zrange", first);
add("zrangebylex zrangebyscore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore", first);
add("zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore", first);
add("geoadd geodist geohash geopos georadius_ro georadiusbymember_ro geosearch pfadd", first);
add("xack xadd xautoclaim xclaim xdel xlen xpending xrange xrevrange xsetid xtrim", first);
add("georadius georadiusbymember", firstAndStored(4));
add("del exists mget touch unlink watch", all);
add("sdiff sdiffstore sinter sinterstore sunion sunionstore pfcount pfmerge", all);
add("rename renamenx lmove blmove rpoplpush brpoplpush smove lcs", firstTwo);
add("geosearchstore zrangestore", firstTwo);
add("copy", firstTwo, { not: ["db"] });
add("mset msetnx", everyOther);
add("bitop", allButFirst);
add("blpop brpop bzpopmax bzpopmin", allButLast, { reply: "first" });
add("lmpop zmpop", counted(0), { reply: "first" });
add("blmpop bzmpop", counted(1), { reply: "first" });
add("sintercard zdiff zinter zintercard zunion", counted(0));
add("zdiffstore zinterstore zunionstore", counted(1, true));
add("xread xreadgroup", streams, { reply: "entries" });
add("sort sort_ro", first, { special: "sort" });
add("scan", none, { special: "scan", reply: "scan" });
add("keys", none, { special: "keys", reply: "list" });
add("object", second, { only: ["encoding", "freq", "idletime", "refcount"] });
add("memory", second, { only: ["usage"] });
add("xgroup", second, { only: ["create", "createconsumer", "delconsumer", "destroy", "setid"] });
add("xinfo", second, { only: ["stream", "groups", "consumers"] });
add("eval eval_ro evalsha evalsha_ro fcall fcall_ro", counted(1), { special: "script" });
add("script", none, { special: "script", only: ["load", "exists"] });
add("publish spublish", none, { special: "publish" });
add("subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe", none, {
  special: "subscribe",
});
add("pubsub", none, {
  special: "pubsub",
  only: ["channels", "numsub", "shardchannels", "shardnumsub"],
});

/** The commands that may be sent in a scope, by name in lower case. What is not in it is refused. */
export const COMMANDS: ReadonlyMap<string, CommandRule> = table;

/** Commands that name nothing and change nothing of anybody's: keeping alive and hanging up need no scope. */
export function needsNoScope(name: string, args: readonly Argument[]): boolean {
  return (name === "ping" || name === "quit") && args.length === 0;
}
