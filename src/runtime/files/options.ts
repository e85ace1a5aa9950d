import { isAbsolute } from "node:path";
import { PartywallError } from "../../errors.js";
import type { Scope } from "../../scope/scope.js";

/**
 * The part of a Partywall instance that storage uses; what `createPartywall` returns fits.
 *
 * @example
 * ```ts
 * import type { FilesHost } from "partywall/runtime/files";
 *
 * const kind = (host: FilesHost) => host.scope()?.kind;
 * ```
 */
export interface FilesHost {
  readonly realm: string;
  scope(): Scope | undefined;
}

/**
 * What `tenantFiles` takes; options are read once.
 *
 * @example
 * ```ts
 * import type { TenantFilesOptions } from "partywall/runtime/files";
 *
 * export const options: TenantFilesOptions = { root: "/var/lib/shop/files" };
 * ```
 */
export interface TenantFilesOptions {
  /** Absolute path of an existing folder that belongs to Partywall alone. */
  readonly root: string;
  /** `true`: in a system scope paths are relative to the root. Unless told, they are refused there. */
  readonly system?: boolean;
  /** `true`: files that have several names (hard links) are let through. Unless told, they are refused. */
  readonly hardLinks?: boolean;
}

/** Throws `PW_CONFIG` for options that cannot be meant. */
export function optionsOf(given: TenantFilesOptions): Required<TenantFilesOptions> {
  const { root, system = false, hardLinks = false, ...others } = given;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined)
    throw new PartywallError("PW_CONFIG", `tenantFiles() does not know the option "${unknown}".`);
  if (typeof root !== "string" || !isAbsolute(root) || root.includes("\0"))
    throw new PartywallError("PW_CONFIG", "tenantFiles(): root is the absolute path of a folder.");
  if (typeof system !== "boolean" || typeof hardLinks !== "boolean")
    throw new PartywallError("PW_CONFIG", "tenantFiles(): system and hardLinks are true or false.");
  return { root, system, hardLinks };
}
