import type { ResolverRequest } from "../resolvers/resolver.js";

/** The slice of a web-standard `Request` that is read. */
export interface FetchRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  readonly signal?: AbortSignal | undefined;
}

/** A request of the Fetch standard as resolvers see it. */
export function fetchRequest(request: FetchRequest, native: unknown = request): ResolverRequest {
  const { protocol, host, pathname, search } = new URL(request.url);
  return {
    method: request.method,
    url: pathname + search,
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
