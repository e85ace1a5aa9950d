/**
 * The part of a client of `@aws-sdk/client-s3` that the guard calls; `S3Client` and `S3` of version 3 fit.
 *
 * @example
 * ```ts
 * import type { S3ClientLike } from "partywall/runtime/s3";
 *
 * export const stackOf = (client: S3ClientLike) => client.middlewareStack;
 * ```
 */
export interface S3ClientLike {
  readonly config: object;
  readonly middlewareStack: object;
  send(...args: never[]): unknown;
}

/** The client as the guard sees it inside. */
export interface NativeClient {
  readonly config: NativeConfig;
  readonly middlewareStack: {
    addRelativeTo(middleware: Middleware, options: Readonly<Record<string, unknown>>): void;
  };
}

export interface NativeConfig {
  readonly serviceId?: unknown;
  readonly bucketEndpoint?: unknown;
  credentials?: Credentials;
}

/** Gives the keys that requests are signed with; the SDK hangs marks on the function, like `memoized`. */
export type Credentials = (...args: never[]) => Promise<unknown>;

/** What a command takes, or what the server answers. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Call {
  readonly input: Fields;
}

export interface Answer {
  readonly output: Fields;
}

/** One step of the SDK's stack. */
export type Middleware = (
  next: (call: Call) => Promise<Answer>,
  context: { readonly commandName?: string },
) => (call: Call) => Promise<Answer>;
