import { knownOptions } from "../../resolvers/known-options.js";
import type { Resolver, ResolverRequest } from "../../resolvers/resolver.js";
import { nodeRequest } from "../node-request.js";
import type { NodeRequest } from "../node-request.js";

/** What a client opens a socket with, as hooks are given it. */
export interface SocketIoRequest extends NodeRequest {
  /** What the client gave as `auth`; whatever it liked. */
  readonly auth: Readonly<Record<string, unknown>>;
  /** The namespace. */
  readonly namespace: string;
  /** The HTTP request that the connection began with. */
  readonly request: NodeRequest;
}

/** The request of a socket that is to be opened. */
export function socketRequest(
  request: NodeRequest,
  auth: object,
  namespace: string,
): SocketIoRequest {
  const { method, url, headers, rawHeaders } = request;
  return Object.freeze({
    method,
    url,
    headers,
    ...(rawHeaders === undefined ? {} : { rawHeaders }),
    auth: Object.freeze({ ...auth }),
    namespace,
    request,
  });
}

/** As resolvers see it. */
export function resolverRequest(req: SocketIoRequest): ResolverRequest {
  return { ...nodeRequest(req.request), native: req };
}

/** How {@link handshakeAuth} reads. */
export interface HandshakeAuthOptions {
  /** What the property holds; default `"slug"`. */
  readonly by?: "id" | "slug";
  /** Why it can be trusted; without it the chain needs `authorize`. */
  readonly trust?: string;
  /** Name in the chain; default `auth:<property>`. */
  readonly name?: string;
}

/**
 * Finds the tenant in a property of the `auth` that a Socket.IO client opens its socket with; spoofable, so `tenancy` demands
 * `authorize` or `trust`.
 *
 * @example
 * ```ts
 * import { handshakeAuth } from "partywall/frameworks/socket-io";
 *
 * // io("https://example.com", { auth: { tenant: "acme" } })
 * console.log(handshakeAuth("tenant").name); // auth:tenant
 * ```
 */
export function handshakeAuth(property: string, options: HandshakeAuthOptions = {}): Resolver {
  knownOptions("handshakeAuth()", options, ["by", "trust", "name"]);
  const { by = "slug", trust, name = `auth:${property}` } = options;
  return Object.freeze<Resolver>({
    name,
    spoofable: true,
    ...(trust === undefined ? {} : { trust }),
    resolve: ({ native }) => {
      const auth = (native as Partial<SocketIoRequest> | undefined)?.auth ?? {};
      if (!Object.hasOwn(auth, property)) return undefined;
      const value = auth[property];
      // What is there and is no text is malformed, and not absent.
      return { by, value: typeof value === "string" ? value : "" };
    },
  });
}
