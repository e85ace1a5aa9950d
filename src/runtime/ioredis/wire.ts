import { word } from "../redis/argument.js";
import { needsNoScope } from "../redis/commands.js";
import { Hold } from "../redis/hold.js";
import type { Keyspace } from "../redis/keyspace.js";
import type { RedisPolicy } from "../redis/options.js";
import { withoutPrefix } from "../redis/reply.js";
import { refused, rewrite } from "../redis/rewrite.js";
import { isHandshake, type NativeClient, type NativeCommand, type NativeStream } from "./native.js";
import type { Subscriptions } from "./subscriptions.js";

/** Whose an admitted command is: a prefix, or `""` for what belongs to no one. */
type Owner = string;

/**
 * The one place through which every command of a connection goes. A command is moved into the keyspace of its scope when it
 * is issued; what ioredis sends later (its offline queue, a pipeline, a retry) is known here and passes.
 */
export class Wire {
  readonly #admitted = new WeakMap<NativeCommand, Owner>();
  readonly #hold = new Hold();
  readonly #client: NativeClient;
  readonly #send: NativeClient["sendCommand"];
  readonly #policy: RedisPolicy;
  readonly #subscriptions: Subscriptions;

  constructor(client: NativeClient, policy: RedisPolicy, subscriptions: Subscriptions) {
    this.#client = client;
    this.#policy = policy;
    this.#subscriptions = subscriptions;
    this.#send = client.sendCommand.bind(client);
    client.on("close", () => this.#hold.released());
  }

  /** Moves a command into the keyspace of this moment's scope and returns whose it is. Throws what refuses it. */
  admit(command: NativeCommand): Owner {
    const name = word(command.name);
    if (this.#subscriptions.restoring || needsNoScope(name, command.args))
      return this.#mark(command, "");
    const space = this.#policy.keyspace();
    if (space === undefined) {
      this.#subscriptions.note(name, command.args, undefined);
      return this.#mark(command, "");
    }
    this.#assertConnection(name);
    const { args, reply } = rewrite(space, name, command.args, this.#policy.rules);
    command.args = this.#subscriptions.note(name, [...args], space);
    if (reply !== "none") cleanReply(command, space, reply);
    return this.#mark(command, space.prefix);
  }

  /** `sendCommand` of the client: a command issued now, or one admitted before. */
  send(command: NativeCommand, stream?: NativeStream, node?: unknown): unknown {
    try {
      let owner = this.#admitted.get(command);
      if (owner === undefined) {
        if (stream !== undefined)
          throw refused(word(command.name), "its pipeline is not the guarded client's own");
        owner = isHandshake(this.#client, command) ? this.#mark(command, "") : this.admit(command);
      }
      if (owner !== "") {
        this.#hold.assertFree(owner);
        this.#hold.sent(word(command.name), owner);
      }
    } catch (error) {
      command.reject(error);
      // The pipeline writes what it gathered once each of its commands has been written.
      if (this.#client.stream) stream?.write("");
      return command.promise;
    }
    return this.#send(command, stream, node);
  }

  /** Whose a command issued at this moment would be. Throws without a scope. */
  owner(): Owner {
    return this.#policy.keyspace()?.prefix ?? "";
  }

  /** Throws where a transaction or a watch of another scope is open on the connection. */
  assertFree(owner: Owner): void {
    if (owner !== "") this.#hold.assertFree(owner);
  }

  #mark(command: NativeCommand, owner: Owner): Owner {
    this.#admitted.set(command, owner);
    return owner;
  }

  #assertConnection(name: string): void {
    if (name === "watch" && this.#client.options.enableAutoPipelining === true)
      throw refused(name, "with enableAutoPipelining the connection is shared");
  }
}

function cleanReply(
  command: NativeCommand,
  space: Keyspace,
  names: Parameters<typeof withoutPrefix>[1],
): void {
  const transform = command.transformReply.bind(command);
  command.transformReply = (reply) => transform(withoutPrefix(space, names, reply));
}
