import type { Partywall } from "../partywall.js";
import type { Tenant } from "../scope/tenant.js";

/** What `partywall exec` hands to a script. */
export interface ScriptContext {
  /** The tenant whose scope this is; absent with `--central`. */
  readonly tenant?: Tenant;
  /** The words behind the script's name. */
  readonly args: readonly string[];
  /** The application's instance. */
  readonly pw: Partywall;
  /** Aborted at Ctrl-C; a long script stops early by it. */
  readonly signal: AbortSignal;
}

/**
 * What a script for `partywall exec` exports as its default. It is called in each tenant's scope; what it returns is
 * awaited and then dropped, and what it throws is counted as that tenant's failure.
 *
 * @example
 * ```ts
 * import type { Script } from "partywall/cli";
 *
 * const greet: Script = async ({ tenant, args }) => {
 *   console.log(`${args[0] ?? "hello"}, ${tenant?.name}`);
 * };
 * export default greet;
 * ```
 */
export type Script = (context: ScriptContext) => unknown;
