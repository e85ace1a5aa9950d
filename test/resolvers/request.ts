import type { ResolverRequest } from "partywall/resolvers";

/** A request with the given host, address and headers. */
export function request(
  parts: { host?: string; url?: string; headers?: ConstructorParameters<typeof Headers>[0] } = {},
): ResolverRequest {
  return {
    method: "GET",
    host: parts.host,
    url: parts.url ?? "/",
    headers: new Headers(parts.headers),
    native: undefined,
  };
}

/** What a resolver answered, or the code it refused with. */
export async function outcome(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}
