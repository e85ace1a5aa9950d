import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import { word, type Argument } from "./argument.js";
import { channelName } from "./channels.js";
import { COMMANDS, type CommandRule, type ReplyNames } from "./commands.js";
import type { Keyspace } from "./keyspace.js";
import type { KeyFinder } from "./keys.js";

/** What an application vouches for. */
export interface RedisRules {
  /** SHA-1 digests of the Lua scripts that may be sent; `true` for all; undefined for none. */
  readonly scripts: true | ReadonlySet<string> | undefined;
}

/** A command as it may go to the server. */
export interface Rewritten {
  readonly args: readonly Argument[];
  /** Where its reply holds names. */
  readonly reply: ReplyNames;
}

/**
 * The arguments of a command with every name in them moved into a keyspace. Throws `PW_STATEMENT_REFUSED` for a command that
 * is not known, and for one whose names cannot be told.
 */
export function rewrite(
  space: Keyspace,
  name: string,
  args: readonly Argument[],
  rules: RedisRules,
): Rewritten {
  const rule = COMMANDS.get(name);
  if (rule === undefined)
    throw refused(name, "it is not among the commands known to name only keys");
  if (rule.only !== undefined && !rule.only.includes(word(args[0])))
    throw refused(name, `of its subcommands only ${rule.only.join(", ")} may be sent`);
  if (rule.special === "script") assertVouched(name, args, rules);
  const moved = [...args];
  const keys = found(name, rule.keys, args);
  for (const at of keys) moved[at] = space.add(args[at]!);
  if (rule.not?.some((one) => args.slice(keys.length).some((arg) => word(arg) === one)) === true)
    throw refused(name, `${rule.not.join(", ").toUpperCase()} leaves the database`);
  return SPECIAL[rule.special ?? "none"](space, name, moved, rule);
}

type Special = (space: Keyspace, name: string, args: Argument[], rule: CommandRule) => Rewritten;

const asItIs: Special = (_space, _name, args, { reply }) => ({ args, reply });

const SPECIAL: Record<NonNullable<CommandRule["special"]> | "none", Special> = {
  none: asItIs,
  script: asItIs,
  keys: (space, name, args, { reply }) => {
    if (args.length !== 1) throw refused(name, "it takes one pattern");
    // A pattern is matched from its beginning, and the prefix holds no character of one.
    return { args: [space.add(args[0]!)], reply };
  },
  scan: (space, name, args, { reply }) => {
    let matched = false;
    for (let at = 1; at < args.length; at += 2) {
      const option = word(args[at]);
      if (!["match", "count", "type"].includes(option) || args[at + 1] === undefined)
        throw refused(name, "it takes a cursor, MATCH, COUNT and TYPE");
      if (option !== "match") continue;
      matched = true;
      args[at + 1] = space.add(args[at + 1]!);
    }
    if (args.length === 0) throw refused(name, "it takes a cursor");
    return { args: matched ? args : [...args, "MATCH", space.add("*")], reply };
  },
  // SORT puts an element in place of the pattern's first asterisk: with the prefix before it the key stays inside.
  sort: (space, name, args, { reply }) => {
    for (let at = 1; at < args.length; at += 1) {
      const option = word(args[at]);
      if (["asc", "desc", "alpha"].includes(option)) continue;
      if (option === "limit") at += 2;
      else if (["by", "get", "store"].includes(option) && args[at + 1] !== undefined) {
        at += 1;
        if (option !== "get" || word(args[at]) !== "#") args[at] = space.add(args[at]!);
      } else throw refused(name, "an option of it is not known");
    }
    return { args, reply };
  },
  publish: (space, name, args, { reply }) => {
    if (args.length !== 2) throw refused(name, "it takes a channel and a message");
    return { args: [channelName(space, name, args[0]!), args[1]!], reply };
  },
  subscribe: (space, name, args, { reply }) => ({
    args: args.map((one) => channelName(space, name, one)),
    reply,
  }),
  pubsub: (space, _name, [subcommand, ...names], { reply }) => {
    if (word(subcommand).endsWith("channels"))
      return { args: [subcommand!, space.add(names[0] ?? "*")], reply: "list" };
    return {
      args: [subcommand!, ...names.map((one) => space.add(one))],
      reply: names.length === 0 ? reply : "pairs",
    };
  },
};

function found(name: string, keys: KeyFinder, args: readonly Argument[]): readonly number[] {
  const indexes = keys(args);
  if (indexes === undefined) throw refused(name, "its keys cannot be told from its arguments");
  return indexes;
}

function assertVouched(name: string, args: readonly Argument[], { scripts }: RedisRules): void {
  if (scripts === true) return;
  if (scripts !== undefined) {
    const [one = "", two = ""] = args;
    if (name.startsWith("evalsha") && scripts.has(word(one))) return;
    if (/^eval(_ro)?$/.test(name) && scripts.has(scriptDigest(one))) return;
    if (name === "script" && word(one) === "exists") return;
    if (name === "script" && scripts.has(scriptDigest(two))) return;
  }
  throw refused(name, "a script can name any key. Vouch for it with the option scripts");
}

/** What Redis calls a script by: the SHA-1 of its text, in hexadecimal. */
export function scriptDigest(script: Argument): string {
  return createHash("sha1").update(script).digest("hex");
}

/** The error for a command that is not sent. */
export function refused(name: string, why: string): PartywallError {
  // A name that is none may hold anything, a value too.
  const shown = /^[a-z][a-z0-9._-]{0,30}$/.test(name) ? name.toUpperCase() : "A command";
  return new PartywallError(
    "PW_STATEMENT_REFUSED",
    `${shown} was not sent to Redis: ${why}. Use a command that names its keys, or a client of its own outside the guard.`,
  );
}
