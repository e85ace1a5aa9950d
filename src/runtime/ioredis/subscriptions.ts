import { channelShown } from "../redis/channels.js";
import type { Argument } from "../redis/argument.js";
import type { Keyspace } from "../redis/keyspace.js";
import type { RedisHost, RedisPolicy } from "../redis/options.js";
import type { Listener, NativeClient } from "./native.js";

type Kind = "subscribe" | "psubscribe" | "ssubscribe";

interface Subscription {
  /** Undefined in a system scope that is let through: nothing is renamed. */
  readonly space: Keyspace | undefined;
  /** Runs a function in the scope that subscribed. */
  readonly inside: (fn: () => boolean) => boolean;
}

type Kept = Listener & { listener?: Listener };

const KINDS: Readonly<Record<string, Kind>> = {
  message: "subscribe",
  messageBuffer: "subscribe",
  pmessage: "psubscribe",
  pmessageBuffer: "psubscribe",
  smessage: "ssubscribe",
  smessageBuffer: "ssubscribe",
};

/**
 * What a connection is subscribed to, and for whom: a message is emitted in the scope that subscribed, under the name it was
 * subscribed by, and reaches the listeners of that scope and those registered outside every scope.
 */
export class Subscriptions {
  readonly #client: NativeClient;
  readonly #host: RedisHost;
  readonly #policy: RedisPolicy;
  readonly #of: Readonly<Record<Kind, Map<string, Subscription>>> = {
    subscribe: new Map(),
    psubscribe: new Map(),
    ssubscribe: new Map(),
  };
  /** While the connection's own subscriptions are sent again, under the names the server knows. */
  restoring = false;

  constructor(client: NativeClient, host: RedisHost, policy: RedisPolicy) {
    this.#client = client;
    this.#host = host;
    this.#policy = policy;
    this.#emitInScope();
    this.#listenPerScope();
    this.#restoreOnReconnect();
  }

  /** Takes note of a command of a scope, and returns its arguments: UNSUBSCRIBE without any means the scope's own. */
  note(command: string, args: Argument[], space: Keyspace | undefined): Argument[] {
    const kind = command.replace("unsub", "sub");
    if (!isKind(kind)) return args;
    const held = this.#of[kind];
    if (command === kind) {
      const inside = this.#host.bind((fn: () => boolean) => fn());
      for (const name of args.map(text)) if (!held.has(name)) held.set(name, { space, inside });
      return args;
    }
    const own = [...held].filter(([, one]) => one.space?.prefix === space?.prefix);
    const leaving = args.length > 0 ? args : own.map(([name]) => name);
    for (const name of leaving) held.delete(text(name));
    // Without a name the server would end everybody's; the prefix alone is nobody's channel.
    return leaving.length > 0 ? leaving : [space?.prefix ?? ""];
  }

  #emitInScope(): void {
    const emit = this.#client.emit.bind(this.#client);
    this.#client.emit = (event, ...args) => {
      const kind = KINDS[event];
      if (kind === undefined) return emit(event, ...args);
      const subscription = this.#of[kind].get(text(args[0] as Argument));
      // Left in the meantime.
      if (subscription === undefined) return false;
      const { space, inside } = subscription;
      const names = space === undefined ? 0 : kind === "psubscribe" ? 2 : 1;
      const shown = args.map((one, index) =>
        index < names ? channelShown(space!, one as string | Buffer) : one,
      );
      return inside(() => emit(event, ...shown));
    };
  }

  #listenPerScope(): void {
    const client = this.#client;
    const native = {
      on: client.on.bind(client),
      prependListener: client.prependListener.bind(client),
    };
    for (const method of ["on", "addListener", "prependListener"] as const) {
      const add = client[method].bind(client);
      client[method] = (event, listener) => add(event, this.#mine(event, listener));
    }
    for (const [method, plain] of [
      ["once", "on"],
      ["prependOnceListener", "prependListener"],
    ] as const) {
      const once = client[method].bind(client);
      client[method] = (event, listener) => {
        if (KINDS[event] === undefined) return once(event, listener);
        const called: Kept = (...args) => {
          client.removeListener(event, added);
          listener.apply(client, args);
        };
        called.listener = listener;
        const added = this.#mine(event, called);
        return native[plain](event, added);
      };
    }
  }

  /** The listener, kept to messages of the scope it is registered in. */
  #mine(event: string, listener: Listener): Listener {
    if (KINDS[event] === undefined || this.#host.scope() === undefined) return listener;
    const own = this.#policy.keyspace();
    if (own === undefined) return listener;
    const kept: Kept = (...args) => {
      if (this.#policy.keyspace()?.prefix === own.prefix) listener.apply(this.#client, args);
    };
    // What removeListener() looks for.
    kept.listener = (listener as Kept).listener ?? listener;
    return kept;
  }

  #restoreOnReconnect(): void {
    const { options } = this.#client;
    if (options.autoResubscribe === false) return;
    // ioredis would send the names of the wire as if somebody issued them.
    options.autoResubscribe = false;
    let connected = false;
    this.#client.on("ready", () => {
      if (!connected) {
        connected = true;
        return;
      }
      this.restoring = true;
      try {
        for (const kind of ["subscribe", "psubscribe", "ssubscribe"] as const) {
          const names = [...this.#of[kind].keys()];
          if (names.length === 0) continue;
          const sent = this.#client[kind](...names);
          sent.catch((error: unknown) => this.#client.silentEmit("error", error));
        }
      } finally {
        this.restoring = false;
      }
    });
  }
}

function isKind(name: string): name is Kind {
  return name === "subscribe" || name === "psubscribe" || name === "ssubscribe";
}

function text(name: Argument): string {
  return typeof name === "string" ? name : Buffer.from(name).toString();
}
