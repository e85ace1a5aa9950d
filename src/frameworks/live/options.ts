import { PartywallError } from "../../errors.js";
import type { Scope } from "../../scope/scope.js";
import type { TenancyHost, TenancyOptions } from "../options.js";

/** The part of a Partywall instance that connections which stay open use; what `createPartywall` returns fits. */
export interface LiveHost<Fields = Readonly<Record<string, unknown>>> extends TenancyHost<Fields> {
  scope(): Scope | undefined;
  bind<Args extends unknown[], Result>(fn: (...args: Args) => Result): (...args: Args) => Result;
  on(event: "tenantChanged", handler: (change: { readonly id?: string }) => void): () => void;
}

/** What of it one connection uses. */
export type ScopeHost = Pick<LiveHost, "run" | "scope" | "bind">;

/** What of it the connections of a server use together. */
export type WatchedHost = Pick<LiveHost, "run" | "on">;

/** What `tenancy` takes for connections that stay open, beside what every framework's takes. */
export interface LiveOptions<Req, Principal, Fields> extends Omit<
  TenancyOptions<Req, Principal, Fields>,
  "routes"
> {
  /**
   * How long a decision to let in stands, in milliseconds; default 0, each message is decided upon. The tenant's status
   * is looked at each time in any case.
   */
  readonly recheckMs?: number;
  /** How often connections that only listen are decided upon again, in milliseconds; default 60,000; `false` for never. */
  readonly sweepMs?: number | false;
  /**
   * A name for the principal that stays the same, for `evict`; default the principal where it is a string or a number, and
   * its `id` where that is one. A connection whose principal has another name later is closed.
   */
  readonly principalKey?: (principal: unknown) => string | undefined;
  /** Told of what a hook threw where nobody could be answered; default `process.emitWarning`. */
  readonly onError?: (error: unknown, req: Req) => void;
}

/** Whose connections are to be closed. */
export interface Eviction {
  /** The tenant's id. */
  readonly tenant?: string;
  /** The principal, or its name as `principalKey` gives it. */
  readonly principal?: unknown;
}

/** Names of the options that {@link LiveOptions} adds. */
export const LIVE_OPTIONS = ["recheckMs", "sweepMs", "principalKey", "onError"] as const;

/** The options with their defaults. */
export interface LiveSettings<Req> {
  readonly recheckMs: number;
  readonly sweepMs: number | false;
  readonly keyOf: (principal: unknown) => string | undefined;
  readonly onError: (error: unknown, req: Req) => void;
}

/** Throws `PW_CONFIG` on what cannot be meant. */
export function liveSettings<Req, Principal, F>(
  options: LiveOptions<Req, Principal, F>,
): LiveSettings<Req> {
  const { recheckMs = 0, sweepMs = 60_000, principalKey = keyOf, onError = warn } = options;
  if (!Number.isFinite(recheckMs) || recheckMs < 0)
    throw meaningless("recheckMs", "milliseconds from 0 on");
  // The longest that a timer of Node.js waits.
  if (sweepMs !== false && !(sweepMs >= 1 && sweepMs < 2 ** 31))
    throw meaningless("sweepMs", "milliseconds from 1 on, or false");
  if (typeof principalKey !== "function") throw meaningless("principalKey", "a function");
  if (typeof onError !== "function") throw meaningless("onError", "a function");
  if ("routes" in options)
    throw new PartywallError(
      "PW_CONFIG",
      "tenancy() for connections takes no routes: each belongs to one tenant. Serve what belongs to none from a server of its own.",
    );
  return { recheckMs, sweepMs, keyOf: principalKey, onError };
}

function keyOf(principal: unknown): string | undefined {
  const name =
    typeof principal === "object" && principal !== null && "id" in principal
      ? principal.id
      : principal;
  return typeof name === "string" || typeof name === "number" ? String(name) : undefined;
}

function warn(error: unknown): void {
  process.emitWarning(
    error instanceof Error ? error : new Error("tenancy() failed", { cause: error }),
  );
}

function meaningless(name: string, expected: string): PartywallError {
  return new PartywallError(
    "PW_CONFIG",
    `tenancy() got a ${name} that it cannot use: it is ${expected}.`,
  );
}
