import type { TenancyHost, TenancyOptions } from "partywall/frameworks/fetch";

/** What `tenancy` is given, in the words of no framework; its hooks get the framework's own request. */
// oxlint-disable-next-line typescript/no-explicit-any -- each framework has a request of its own
export type Options = TenancyOptions<any, unknown, Readonly<Record<string, unknown>>>;

/** What the application of the suite does on each route, in the words of no framework. */
export interface Handlers {
  /** GET /where, and everything not named here: answers with this text. */
  where(): string;
  /** GET /who: answers with this text. */
  who(): string;
  /** GET /slow: awaits it and answers with its text. */
  slow(): Promise<string>;
  /** POST /echo: has the body read by the framework's own means and answers with what this makes of it. */
  echo(body: string): Promise<string>;
  /** GET /throw: calls it in the handler, at once. */
  throws(): never;
  /** GET /reject: awaits it in the handler. */
  rejects(): Promise<never>;
  /**
   * GET /stream: the response is the framework's own kind of stream, of these chunks, made when they are asked for.
   * `closed` is called where the stream was given up.
   */
  chunks(): AsyncGenerator<string, void>;
  /** The application's own error handler answers 500 with this text. */
  failed(error: unknown): string;
}

/** A framework as the suite drives it. */
export interface FrameworkHost {
  readonly name: string;
  /** A header of the framework's own request. */
  readonly header: (req: never, name: string) => string | undefined;
  /** The path of the framework's own request. */
  readonly path: (req: never) => string;
  /**
   * Builds an application behind `tenancy(host, options)`, listens on a free port of 127.0.0.1 and says which. What stops
   * it is handed to `atEnd`.
   */
  readonly serve: (
    host: TenancyHost,
    options: Options,
    handlers: Handlers,
    atEnd: (stop: () => unknown) => void,
  ) => Promise<number>;
  /** Cases, by what they are named here, that the framework cannot have, and why; printed. */
  readonly missing?: Partial<Record<Capability, string>>;
}

/** What a framework may lack. */
export type Capability = "error handler in scope" | "two Host headers" | "absolute-form target";
