/** One or more calls of every command that may be sent, with its keys named `k1`, `k2` … and nothing else named so. */
export const SAMPLES: readonly string[] = [
  ...one(
    "append K v|get K|getbit K 1|getdel K|getex K PERSIST|getrange K 0 1|getset K v|set K v NX GET|setbit K 1 1|setex K 9 v",
  ),
  ...one(
    "setnx K v|setrange K 0 v|strlen K|substr K 0 1|psetex K 9 v|incr K|incrby K 1|incrbyfloat K 1|decr K|decrby K 1",
  ),
  ...one(
    "bitcount K|bitfield K GET u8 0|bitfield_ro K GET u8 0|bitpos K 1|dump K|expire K 9|expireat K 9",
  ),
  ...one("expiretime K|persist K|pexpire K 9|pexpireat K 9|pexpiretime K|pttl K|ttl K|type K"),
  ...one(
    "hdel K f|hexists K f|hget K f|hgetall K|hincrby K f 1|hincrbyfloat K f 1|hkeys K|hlen K|hmget K f g",
  ),
  ...one(
    "hmset K f v|hrandfield K|hscan K 0 MATCH f*|hset K f v g w|hsetnx K f v|hstrlen K f|hvals K",
  ),
  ...one(
    "lindex K 0|linsert K BEFORE a b|llen K|lpop K|lpos K v|lpush K a b|lpushx K a|lrange K 0 1|lrem K 0 a",
  ),
  ...one("lset K 0 a|ltrim K 0 1|rpop K|rpush K a|rpushx K a"),
  ...one(
    "sadd K a b|scard K|sismember K a|smembers K|smismember K a b|spop K|srandmember K|srem K a|sscan K 0",
  ),
  ...one(
    "zadd K NX 1 a|zcard K|zcount K 0 1|zincrby K 1 a|zlexcount K - +|zmscore K a b|zpopmax K|zpopmin K",
  ),
  ...one("zrandmember K|zrange K 0 1|zrangebylex K - +|zrangebyscore K 0 1|zrank K a|zrem K a b"),
  ...one(
    "zremrangebylex K - +|zremrangebyrank K 0 1|zremrangebyscore K 0 1|zrevrange K 0 1|zrevrangebylex K + -",
  ),
  ...one("zrevrangebyscore K 1 0|zrevrank K a|zscan K 0|zscore K a"),
  ...one(
    "geoadd K 1 1 a|geodist K a b|geohash K a|geopos K a|geosearch K FROMMEMBER a BYRADIUS 1 m|pfadd K a",
  ),
  ...one("georadius_ro K 1 1 1 m|georadiusbymember_ro K a 1 m"),
  ...one(
    "xack K g 1-1|xadd K NOMKSTREAM * f v|xautoclaim K g c 0 0|xclaim K g c 0 1-1|xdel K 1-1|xlen K",
  ),
  ...one("xpending K g|xrange K - +|xrevrange K + -|xsetid K 1-1|xtrim K MAXLEN 1"),
  "georadius k1 1 1 1 m STORE k2",
  "georadius k1 1 1 1 m COUNT 1 STOREDIST k2",
  "georadiusbymember k1 store 1 m WITHDIST STORE k2",
  ...["del", "exists", "mget", "touch", "unlink", "watch", "pfcount", "pfmerge"].map(
    (name) => `${name} k1 k2 k3`,
  ),
  ...["sdiff", "sdiffstore", "sinter", "sinterstore", "sunion", "sunionstore"].map(
    (name) => `${name} k1 k2 k3`,
  ),
  "rename k1 k2",
  "renamenx k1 k2",
  "lmove k1 k2 LEFT RIGHT",
  "blmove k1 k2 LEFT RIGHT 0",
  "rpoplpush k1 k2",
  "brpoplpush k1 k2 0",
  "smove k1 k2 m",
  "lcs k1 k2 LEN",
  "geosearchstore k1 k2 FROMMEMBER a BYRADIUS 1 m",
  "zrangestore k1 k2 0 1",
  "copy k1 k2 REPLACE",
  "mset k1 v k2 w",
  "msetnx k1 v k2 w",
  "bitop AND k1 k2 k3",
  ...["blpop", "brpop", "bzpopmax", "bzpopmin"].map((name) => `${name} k1 k2 0`),
  "lmpop 2 k1 k2 LEFT",
  "zmpop 2 k1 k2 MIN",
  "blmpop 0 2 k1 k2 LEFT",
  "bzmpop 0 2 k1 k2 MIN",
  "sintercard 2 k1 k2 LIMIT 1",
  "zdiff 2 k1 k2 WITHSCORES",
  "zinter 2 k1 k2 WEIGHTS 1 2",
  "zintercard 2 k1 k2",
  "zunion 2 k1 k2",
  "zdiffstore k1 2 k2 k3",
  "zinterstore k1 2 k2 k3 WEIGHTS 1 2",
  "zunionstore k1 2 k2 k3",
  "xread COUNT 1 BLOCK 1 STREAMS k1 k2 0 0",
  "xreadgroup GROUP streams streams COUNT 1 NOACK STREAMS k1 k2 > >",
  "sort k1 LIMIT 0 1 DESC ALPHA STORE k2",
  "sort_ro k1 LIMIT 0 1",
  "object encoding k1",
  "memory usage k1",
  "xgroup create k1 g 0",
  "xinfo stream k1",
  "eval return 2 k1 k2 a",
  "eval_ro return 1 k1 a",
  "evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 k1",
  "evalsha_ro e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 k1",
  "fcall f 1 k1 a",
  "fcall_ro f 1 k1 a",
];

/** Of Redis 7.4 and 8, for servers that know them. */
export const NEWER_SAMPLES: readonly string[] = [
  ...one(
    "hexpire K 9 FIELDS 1 f|hexpireat K 9 FIELDS 1 f|hexpiretime K FIELDS 1 f|hpersist K FIELDS 1 f",
  ),
  ...one(
    "hpexpire K 9 FIELDS 1 f|hpexpireat K 9 FIELDS 1 f|hpexpiretime K FIELDS 1 f|hpttl K FIELDS 1 f|httl K FIELDS 1 f",
  ),
  ...one("hgetdel K FIELDS 1 f|hgetex K PERSIST FIELDS 1 f|hsetex K FIELDS 1 f v"),
];

/** Commands that name channels, patterns or nothing: `COMMAND GETKEYS` has nothing to say about them. */
export const KEYLESS: readonly string[] = [
  ..."ping echo time multi exec discard unwatch quit wait scan keys script publish spublish pubsub".split(
    " ",
  ),
  ..."subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe".split(" "),
];

function one(calls: string): string[] {
  return calls.split("|").map((call) => call.replace("K", "k1"));
}
