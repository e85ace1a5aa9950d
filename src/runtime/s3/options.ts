import { PartywallError } from "../../errors.js";
import type { Scope } from "../../scope/scope.js";

/**
 * The part of a Partywall instance that object storage uses; what `createPartywall` returns fits.
 *
 * @example
 * ```ts
 * import type { S3Host } from "partywall/runtime/s3";
 *
 * const kind = (host: S3Host) => host.scope()?.kind;
 * ```
 */
export interface S3Host {
  readonly realm: string;
  scope(): Scope | undefined;
}

/**
 * What a guarded S3 client takes; options are read once.
 *
 * @example
 * ```ts
 * import type { S3GuardOptions } from "partywall/runtime/s3";
 *
 * export const options: S3GuardOptions = { root: "uploads" };
 * ```
 */
export interface S3GuardOptions {
  /** What every key begins with, before realm and tenant: names of letters, digits, `_` and `-`, with `/` between. None unless told. */
  readonly root?: string;
  /**
   * `true`: in a system scope commands go to the server as they are, all of them and without a prefix. Unless told, they
   * are refused there.
   */
  readonly system?: boolean;
}

// What no server writes in another way when it is asked for keys in URL encoding.
const ROOT = /^[\w-]+(?:\/[\w-]+)*$/;

/** Throws `PW_CONFIG` for options that cannot be meant. */
export function optionsOf(given: S3GuardOptions): {
  readonly root: string;
  readonly system: boolean;
} {
  const { root, system = false, ...others } = given;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined)
    throw new PartywallError("PW_CONFIG", `guardS3() does not know the option "${unknown}".`);
  if (root !== undefined && (typeof root !== "string" || !ROOT.test(root)))
    throw new PartywallError(
      "PW_CONFIG",
      "guardS3(): root is made of letters, digits, _ and -, with / between names and not at the ends.",
    );
  if (typeof system !== "boolean")
    throw new PartywallError("PW_CONFIG", "guardS3(): system is true or false.");
  return { root: root === undefined ? "" : `${root}/`, system };
}
