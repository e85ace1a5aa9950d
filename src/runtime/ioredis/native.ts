import { PartywallError } from "../../errors.js";
import type { Argument } from "../redis/argument.js";

/**
 * The part of an ioredis client that the guard calls; `Redis` of ioredis 5 fits.
 *
 * @example
 * ```ts
 * import type { IoredisClient } from "partywall/runtime/ioredis";
 *
 * const isUp = (client: IoredisClient) => client.status === "ready";
 * ```
 */
export interface IoredisClient {
  status: string;
  sendCommand(...args: never[]): unknown;
  pipeline(...args: never[]): unknown;
  multi(...args: never[]): unknown;
  duplicate(...args: never[]): unknown;
}

/** A command of ioredis: `args` are what goes to the wire after the name. */
export interface NativeCommand {
  name: string;
  args: Argument[];
  readonly promise: Promise<unknown>;
  reject(error: unknown): void;
  transformReply(reply: unknown): unknown;
}

/** What ioredis hands a pipeline's commands to; the pipeline counts the writes. */
export interface NativeStream {
  write(data: string): unknown;
}

export type Callback = (error: unknown, results?: unknown[]) => void;

export interface NativePipeline {
  sendCommand(command: NativeCommand): unknown;
  exec(callback?: Callback): Promise<unknown[]>;
  addBatch(commands: readonly unknown[]): unknown;
  readonly length: number;
  readonly _queue: readonly NativeCommand[];
}

/** The client as the guard sees it inside. */
export interface NativeClient {
  status: string;
  readonly isCluster?: boolean;
  readonly stream?: unknown;
  readonly options: {
    autoResubscribe?: boolean;
    readonly monitor?: boolean;
    readonly enableAutoPipelining?: boolean;
    readonly connectionName?: string | undefined;
    readonly readOnly?: boolean;
  };
  readonly condition?: { readonly select?: number; readonly auth?: unknown } | null;
  readonly offlineQueue: { readonly length: number };
  readonly commandQueue: { readonly length: number };
  readonly _autoPipelines?: ReadonlyMap<string, unknown>;
  sendCommand(command: NativeCommand, stream?: NativeStream, node?: unknown): unknown;
  pipeline(): NativePipeline;
  multi(options?: unknown): NativePipeline;
  duplicate(override?: { readonly monitor?: boolean }): NativeClient;
  emit(event: string, ...args: unknown[]): boolean;
  on(event: string, listener: Listener): unknown;
  once(event: string, listener: Listener): unknown;
  addListener(event: string, listener: Listener): unknown;
  prependListener(event: string, listener: Listener): unknown;
  prependOnceListener(event: string, listener: Listener): unknown;
  removeListener(event: string, listener: Listener): unknown;
  silentEmit(event: string, argument: unknown): boolean;
  subscribe(...channels: string[]): Promise<unknown>;
  psubscribe(...patterns: string[]): Promise<unknown>;
  ssubscribe(...channels: string[]): Promise<unknown>;
}

export type Listener = (...args: unknown[]) => void;

/** Throws `PW_CONFIG` for a client that cannot be guarded, and for a copy of it that could not. */
export function assertGuardable(client: NativeClient, copy?: { readonly monitor?: boolean }): void {
  const wrong = (why: string) => new PartywallError("PW_CONFIG", `guardIoredis(): ${why}`);
  if (typeof client.sendCommand !== "function" || typeof client.duplicate !== "function")
    throw wrong("give it a Redis of ioredis.");
  if (client.isCluster === true)
    throw wrong("a Cluster is not supported. Give it a Redis, or a server of its own per tenant.");
  if (client.options.monitor === true || copy?.monitor === true)
    throw wrong("a monitoring client sees every tenant. Make one of its own outside the guard.");
  if (copy === undefined && client.offlineQueue.length > 0)
    throw wrong("commands were issued before it. Guard the client where it is made.");
}

/**
 * Whether ioredis itself sends the command, to prepare a connection: by its exact form, which names no key and gives
 * nobody more than the connection has anyway.
 */
export function isHandshake(client: NativeClient, { name, args }: NativeCommand): boolean {
  const { options, condition, status } = client;
  const words = args.map(String);
  switch (name) {
    case "auth":
      return (
        condition?.auth !== undefined &&
        words.join("\n") === [condition.auth].flat().map(String).join("\n")
      );
    case "select":
      return words.length === 1 && Number(words[0]) === condition?.select;
    case "info":
      return words.length === 0 && status === "connect";
    case "readonly":
      return words.length === 0 && options.readOnly === true;
    case "client":
      return words[0]?.toLowerCase() === "setname"
        ? words.length === 2 && words[1] === options.connectionName
        : words[0]?.toLowerCase() === "setinfo" && words.length === 3;
    default:
      return false;
  }
}
