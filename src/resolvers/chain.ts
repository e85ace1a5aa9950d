import { PartywallError } from "../errors.js";
import { identify } from "./identifier.js";
import type { Identifier, Resolver, ResolverRequest } from "./resolver.js";

/** Resolvers in their order, all of which are asked about every request. */
export interface Chain {
  /** Names of spoofable resolvers that nobody vouched for; unless empty, the chain must be used with `authorize`. */
  readonly unvouched: readonly string[];
  /** Request headers the answer depends on. */
  readonly vary: readonly string[];
  /** Every distinct identifier in the request, in the order of the chain; empty when it names no tenant. */
  resolve(request: ResolverRequest): Promise<readonly Identifier[]>;
}

/**
 * Puts resolvers in a chain. All of them are asked, since a request that names two tenants must be refused and not
 * decided by order; a resolver that throws ends the request. Identifiers are checked here, whoever wrote the resolver.
 *
 * Throws `PW_CONFIG` when there is no resolver, one is not a resolver, or two share a name.
 *
 * @example
 * ```ts
 * import { chain, header, subdomain } from "partywall/resolvers";
 *
 * const both = chain([subdomain("example.com"), header("x-tenant", { by: "id" })]);
 * const headers = new Headers({ "x-tenant": "t1" });
 * const request = { method: "GET", host: "acme.example.com", url: "/", headers, native: undefined };
 * console.log((await both.resolve(request)).map((found) => found.value)); // [ 'acme', 't1' ]
 * console.log(both.unvouched); // [ 'header:x-tenant' ]
 * ```
 */
export function chain(resolvers: readonly Resolver[]): Chain {
  if (!Array.isArray(resolvers) || resolvers.length === 0)
    throw refused('no resolver was given. Pass at least one, like subdomain("example.com")');
  const links = resolvers.map(checked);
  const names = new Set(links.map((link) => link.name));
  if (names.size !== links.length)
    throw refused("two resolvers share a name. Give one of them another { name }");
  return Object.freeze({
    unvouched: links
      .filter((link) => link.spoofable && link.trust === undefined)
      .map((link) => link.name),
    vary: [...new Set(links.flatMap((link) => link.vary ?? []))],
    async resolve(request: ResolverRequest) {
      const found: Identifier[] = [];
      for (const link of links) {
        const answer = link.resolve(request);
        // oxlint-disable-next-line no-await-in-loop -- in order, and nothing after a refusal
        const candidate = isThenable(answer) ? await answer : answer;
        if (candidate === undefined) continue;
        const identifier = identify(candidate ?? {}, link.name);
        if (!found.some(({ by, value }) => by === identifier.by && value === identifier.value))
          found.push(identifier);
      }
      return found;
    },
  });
}

// Most answer at once, and a turn of the event loop for each is paid by every request.
function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === "function";
}

function checked(resolver: Resolver): Resolver {
  if (
    typeof resolver?.resolve !== "function" ||
    typeof resolver.name !== "string" ||
    resolver.name.trim() === ""
  )
    throw refused("an entry is not a resolver. A resolver has a name, spoofable and resolve()");
  const { name, spoofable, trust, vary } = resolver;
  // A resolver that forgot to say is not taken for a trustworthy one.
  if (typeof spoofable !== "boolean")
    throw refused(`"${name}" does not say whether it is spoofable. Set spoofable to true or false`);
  if (trust !== undefined && (typeof trust !== "string" || trust.trim() === ""))
    throw refused(
      `"${name}" has a blank trust statement. Say in words why its source can be trusted`,
    );
  return {
    name,
    spoofable,
    ...(trust === undefined ? {} : { trust }),
    ...(vary === undefined ? {} : { vary: [...vary] }),
    resolve: resolver.resolve.bind(resolver),
  };
}

function refused(what: string): PartywallError {
  return new PartywallError("PW_CONFIG", `The resolver chain cannot be built: ${what}.`);
}
