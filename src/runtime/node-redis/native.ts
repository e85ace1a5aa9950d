import { PartywallError } from "../../errors.js";
import type { Argument } from "../redis/argument.js";

/**
 * The part of a node-redis client that the guard calls; what `createClient()` of redis 6 returns fits.
 *
 * @example
 * ```ts
 * import type { NodeRedisClient } from "partywall/runtime/node-redis";
 *
 * const isUp = (client: NodeRedisClient) => client.isReady;
 * ```
 */
export interface NodeRedisClient {
  readonly isReady: boolean;
  sendCommand(...args: never[]): unknown;
  duplicate(...args: never[]): unknown;
}

export type MessageListener = (message: unknown, channel: unknown) => unknown;

interface CommandOptions {
  readonly chainId?: symbol;
}

/** The queue through which everything goes to the socket. */
export interface NativeQueue {
  readonly pendingCount: number;
  addCommand(args: readonly Argument[], options?: CommandOptions): Promise<unknown>;
  subscribe(
    type: string,
    channels: Argument | readonly Argument[],
    listener: MessageListener,
    buffers?: boolean,
  ): Promise<void> | undefined;
  unsubscribe(
    type: string,
    channels?: Argument | readonly Argument[],
    listener?: MessageListener,
    buffers?: boolean,
  ): Promise<void> | undefined;
  getPubSubListeners(type: string): ReadonlyMap<string, unknown>;
  monitor(...args: readonly unknown[]): Promise<unknown>;
  reset(...args: readonly unknown[]): Promise<unknown>;
  extendPubSubChannelListeners(...args: readonly unknown[]): unknown;
  extendPubSubListeners(...args: readonly unknown[]): unknown;
}

export interface BatchedCommand {
  readonly args: readonly Argument[];
}

type RunBatch = (
  this: NativeClient,
  commands: readonly BatchedCommand[],
  db?: number,
) => Promise<unknown[]>;

/** The client as the guard sees it inside. */
export interface NativeClient {
  readonly _self: NativeClient;
  readonly isOpen: boolean;
  readonly options: {
    readonly clientSideCache?: unknown;
    readonly emitInvalidate?: boolean;
    readonly credentialsProvider?: { readonly type?: string };
  };
  _getQueue(): NativeQueue;
  sendCommand: (
    this: NativeClient,
    args: readonly Argument[],
    options?: CommandOptions,
  ) => Promise<unknown>;
  _executeMulti: RunBatch;
  _executePipeline: RunBatch;
  multi: (this: NativeClient) => object;
  MULTI: (this: NativeClient) => object;
  duplicate: (this: NativeClient, overrides?: object) => NativeClient;
  createPool(options?: object): unknown;
  getPubSubListeners(type: string): unknown;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Throws `PW_CONFIG` for a client that cannot be guarded. */
export function assertGuardable(client: NativeClient): void {
  const wrong = (why: string) => new PartywallError("PW_CONFIG", `guardNodeRedis(): ${why}`);
  if (typeof client._getQueue !== "function" || typeof client._executeMulti !== "function")
    throw wrong(
      "give it a client of createClient(). Clusters, sentinels and pools are not supported.",
    );
  const { options } = client;
  if (options.clientSideCache !== undefined || options.emitInvalidate === true)
    throw wrong("a client-side cache is not kept apart by tenant. Take the option away.");
  if (options.credentialsProvider?.type === "streaming-credentials-provider")
    throw wrong("streaming credentials are not supported.");
  if (client._getQueue().pendingCount > 0)
    throw wrong("commands were issued before it. Guard the client where it is made.");
}

const HANDSHAKE = new Set(["hello", "auth", "select", "client", "readonly"]);

/** Whether node-redis sends the command to prepare a socket: only it makes a chain of that name, see `refuseChain`. */
export function isHandshake(name: string, chainId: symbol | undefined): boolean {
  return chainId?.description === "Socket Initiator" && HANDSHAKE.has(name);
}
