import type { TenantDirectory } from "./directory.js";
import type { Keyring } from "./keyring.js";
import type { Scopes } from "./scopes.js";
import { openSnapshot, type ResumeOptions } from "./snapshot.js";

/** Runs `fn` in the scope a snapshot stands for; a tenant is read again from the store, past the cache. */
export async function resumeSnapshot<T>(
  scopes: Scopes,
  directory: TenantDirectory,
  keyring: Keyring,
  { realm, snapshot }: { readonly realm: string; readonly snapshot: string },
  fn: () => T,
  options?: ResumeOptions,
): Promise<Awaited<T>> {
  const { kind, id } = openSnapshot(snapshot, realm, keyring, options);
  if (kind === "central" || id === undefined) return scopes.central(fn);
  scopes.assertMayOpen("tenant", id);
  return scopes.enterTenant(await directory.reread(id), fn);
}
