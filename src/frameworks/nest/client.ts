import type { Observable } from "rxjs";
import { outside } from "../../scope/outside.js";
import type { SnapshotOptions } from "../../scope/snapshot.js";
import { audienceOf } from "./envelope.js";
import type { Envelope } from "./envelope.js";
import { inScope } from "./in-scope.js";
import { outsideRequests } from "./request-scopes.js";

/** The part of a Partywall instance that {@link tenantClient} uses. */
export interface SnapshotHost {
  snapshot(options: SnapshotOptions): string;
}

/** The slice of Nest's `ClientProxy` that is used. */
export interface MessageClient {
  send(pattern: unknown, data: unknown): Observable<unknown>;
  emit(pattern: unknown, data: unknown): Observable<unknown>;
}

/** A client whose messages carry the scope they are sent from. Both throw `PW_NO_SCOPE` outside every scope. */
export interface TenantClient {
  /** Sends a message and hears its answer in the scope of the caller. */
  send<Result = unknown>(pattern: unknown, data: unknown): Observable<Result>;
  /** Emits an event at once. */
  emit(pattern: unknown, data: unknown): Observable<unknown>;
}

/**
 * Sends messages to a microservice with the scope of the caller, as a signed snapshot that is good for this pattern only and
 * for `expiresInMs` (one day unless told). Needs the instance's `secret`, and the same at the other end.
 *
 * @example
 * ```ts
 * import type { Partywall } from "partywall";
 * import { tenantClient, type MessageClient } from "partywall/frameworks/nest";
 *
 * export const rename = (pw: Partywall, client: MessageClient, name: string) =>
 *   tenantClient(pw, client).send<string>("rename", { name });
 * ```
 */
export function tenantClient(
  pw: SnapshotHost,
  client: MessageClient,
  { expiresInMs }: { readonly expiresInMs?: number } = {},
): TenantClient {
  const envelope = (pattern: unknown, data: unknown): Envelope => ({
    partywall: pw.snapshot({
      audience: audienceOf(pattern),
      ...(expiresInMs === undefined ? {} : { expiresInMs }),
    }),
    data,
  });
  return Object.freeze<TenantClient>({
    send: <Result>(pattern: unknown, data: unknown) => {
      const message = envelope(pattern, data);
      return inScope(client.send(pattern, message) as Observable<Result>, { connect: inNobodys });
    },
    emit: (pattern, data) => {
      const message = envelope(pattern, data);
      return inScope(
        inNobodys(() => client.emit(pattern, message)),
        { connect: inNobodys },
      );
    },
  });
}

// The first message opens the connection, which must not belong to its sender.
function inNobodys<T>(fn: () => T): T {
  return outsideRequests(() => outside(fn));
}
