import type { ResolverRequest } from "../resolvers/resolver.js";

/** The slice of `http.IncomingMessage` and `http2.Http2ServerRequest` that is read. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** Express and Connect: the address before a mounted router shortened `url`. */
  readonly originalUrl?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly rawHeaders?: readonly string[];
}

/** `http://host/path`, the absolute form of RFC 9112 §3.2.2; its host replaces the Host header. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)/i;

/** A request of Node.js as resolvers see it. */
export function nodeRequest(req: NodeRequest): ResolverRequest {
  const url = req.originalUrl ?? req.url ?? "/";
  return {
    method: req.method ?? "GET",
    url,
    host: hosts(req, url),
    headers: { get: (name) => headerValue(req, name.toLowerCase()) ?? null },
    native: req,
  };
}

function hosts(req: NodeRequest, url: string): string | undefined {
  const header = headerValue(req, "host");
  if (url.startsWith("/") && req.headers[":authority"] === undefined) return header;
  const named = [header, headerValue(req, ":authority"), ABSOLUTE_FORM.exec(url)?.[1]].filter(
    (host) => host !== undefined,
  );
  // Hosts that disagree are kept, comma between them, for the resolver to refuse.
  return named.length === 0 ? undefined : [...new Set(named)].join(", ");
}

/**
 * Node.js joins most repeated headers, but of Host, Authorization and some others it silently keeps the first.
 * What middleware wrote to `headers` counts; the raw ones only show that there was a second.
 */
function headerValue(req: NodeRequest, name: string): string | undefined {
  const value = req.headers[name];
  if (value === undefined || typeof value !== "string") return value?.join(", ");
  const raw: string[] = [];
  const all = req.rawHeaders ?? [];
  for (let at = 0; at + 1 < all.length; at += 2) {
    const field = all[at];
    if (field?.length === name.length && field.toLowerCase() === name) raw.push(all[at + 1] ?? "");
  }
  return raw.length > 1 && raw[0] === value ? raw.join(", ") : value;
}
