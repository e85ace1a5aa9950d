import { PartywallError } from "../errors.js";
import { malformed } from "./identifier.js";
import { knownOptions } from "./known-options.js";
import type { Resolver } from "./resolver.js";

/** How {@link session} reads the session. */
export interface SessionOptions {
  /** What the session holds; default `"id"`. */
  readonly by?: "id" | "slug";
  /** Name in the chain; default `"session"`. */
  readonly name?: string;
}

/**
 * Finds the tenant that the server itself wrote into the session: what `read` finds in the framework's request, awaited.
 * Not spoofable, as long as the session lives on the server or is signed. Mount the session before `tenancy`.
 *
 * `undefined` and `null` name no tenant; anything else that is not a text is refused with `PW_TENANT_INVALID`. What `read`
 * throws is the framework's 500. Throws `PW_CONFIG` when `read` is no function.
 *
 * @example
 * ```ts
 * import { session } from "partywall/resolvers";
 *
 * const resolver = session((req: { session?: { tenantId?: string } }) => req.session?.tenantId);
 * const native = { session: { tenantId: "t1" } };
 * const request = { method: "GET", host: "example.com", url: "/", headers: new Headers(), native };
 * console.log(await resolver.resolve(request)); // { by: 'id', value: 't1' }
 * ```
 */
export function session(read: (req: never) => unknown, options: SessionOptions = {}): Resolver {
  if (typeof read !== "function")
    throw new PartywallError(
      "PW_CONFIG",
      "session() needs a function that reads the tenant from the request: session((req) => req.session.tenantId).",
    );
  knownOptions("session()", options, ["by", "name"]);
  const { by = "id", name = "session" } = options;
  return Object.freeze({
    name,
    spoofable: false,
    vary: Object.freeze(["cookie"]),
    async resolve({ native }) {
      const value = await read(native as never);
      if (value === undefined || value === null) return undefined;
      if (typeof value !== "string") throw malformed(name, "a text in the session");
      return { by, value };
    },
  } satisfies Resolver);
}
