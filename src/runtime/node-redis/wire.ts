import { word, type Argument } from "../redis/argument.js";
import { needsNoScope } from "../redis/commands.js";
import { Hold } from "../redis/hold.js";
import type { RedisPolicy } from "../redis/options.js";
import { withoutPrefix } from "../redis/reply.js";
import { refused, rewrite } from "../redis/rewrite.js";
import { isHandshake, type NativeClient, type NativeQueue } from "./native.js";

/** A command as it goes to the wire, and what takes the prefix off its reply. */
interface Admitted {
  readonly args: readonly Argument[];
  clean(reply: unknown): unknown;
}

const asItIs = (reply: unknown): unknown => reply;

/**
 * The one place through which every command of a connection goes: node-redis' own queue. A command is moved into the keyspace of
 * its scope when it is put there; what waits in it is moved already.
 */
export class Wire {
  readonly #owners = new WeakMap<readonly Argument[], string>();
  readonly #hold = new Hold();
  readonly #policy: RedisPolicy;

  constructor(client: NativeClient, queue: NativeQueue, policy: RedisPolicy) {
    this.#policy = policy;
    const add = queue.addCommand.bind(queue);
    queue.addCommand = async (args, options) => {
      if (this.#owners.has(args) || isHandshake(word(args[0]), options?.chainId)) {
        this.#passing(args);
        return add(args, options);
      }
      const admitted = this.admit(args);
      this.#passing(admitted.args);
      return admitted.clean(await add(admitted.args, options));
    };
    for (const lost of ["error", "reconnecting", "end"])
      client.on(lost, () => this.#hold.released());
  }

  /** Moves a command into the keyspace of this moment's scope. Throws what refuses it. */
  admit(words: readonly Argument[]): Admitted {
    const [first, ...args] = words;
    const name = word(first);
    const space = needsNoScope(name, args) ? undefined : this.#policy.keyspace();
    if (space === undefined) return this.#remember([...words], "", asItIs);
    const moved = rewrite(space, name, args, this.#policy.rules);
    return this.#remember([first!, ...moved.args], space.prefix, (reply) =>
      withoutPrefix(space, moved.reply, reply),
    );
  }

  /** Whose a command issued at this moment would be. Throws without a scope. */
  owner(): string {
    return this.#policy.keyspace()?.prefix ?? "";
  }

  #passing(args: readonly Argument[]): void {
    const owner = this.#owners.get(args) ?? "";
    if (owner === "") return;
    this.#hold.assertFree(owner);
    this.#hold.sent(word(args[0]), owner);
  }

  #remember(args: readonly Argument[], owner: string, clean: Admitted["clean"]): Admitted {
    this.#owners.set(args, owner);
    return { args, clean };
  }
}

/** Nobody but node-redis may put a command into the chain that prepares a socket. */
export function refuseChains(client: NativeClient): void {
  const send = client.sendCommand;
  client.sendCommand = function (this: NativeClient, args, options) {
    if (options?.chainId !== undefined)
      return Promise.reject(refused(word(args[0]), "a chain is node-redis' own"));
    return send.call(this, args, options);
  };
}
