import type { ResolverRequest } from "../resolvers/resolver.js";

/** The slice of a web-standard `Request` that is read. */
export interface FetchRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  readonly signal?: AbortSignal | undefined;
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** A request of the Fetch standard as resolvers see it. */
export function fetchRequest(request: FetchRequest, native: unknown = request): ResolverRequest {
  const { protocol, host } = new URL(request.url);
  return {
    method: request.method,
    // As it stands: some hosts hand on what the client sent, and the router reads that, not what a parser makes of it.
    url: request.url.replace(ORIGIN, "").replace(/^(?!\/)/, "/"),
    host: hosts(protocol, host, request.headers.get("host")),
    headers: request.headers,
    native,
  };
}

// A URL leaves its default port out, and a server builds it from the Host header or from what it knows better; hosts that
// disagree are kept, comma between them, for the resolver to refuse.
function hosts(protocol: string, host: string, header: string | null): string | undefined {
  if (header === null || header === host) return host === "" ? undefined : host;
  const same = URL.canParse(`${protocol}//${header}`)
    ? new URL(`${protocol}//${header}`).host === host
    : false;
  return same ? host : `${header}, ${host}`;
}
