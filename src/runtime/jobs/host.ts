import type { Scope } from "../../scope/scope.js";

/** The part of a Partywall instance that jobs need; what `createPartywall` returns fits. */
export interface JobHost {
  scope(): Scope | undefined;
  snapshot(options: { readonly expiresInMs: number; readonly audience: string }): string;
  resume<T>(
    snapshot: string,
    fn: () => T,
    options: { readonly audience: string },
  ): Promise<Awaited<T>>;
}
