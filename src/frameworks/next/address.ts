import { createHash } from "node:crypto";
import { PartywallError } from "../../errors.js";
import type { ResolverRequest } from "../../resolvers/resolver.js";
import { fetchRequest } from "../fetch-request.js";
import type { FetchRequest } from "../fetch-request.js";

/** The request header in which a proxy hands the address on to pages and actions. */
const HEADER = "x-partywall-address";
const LIFETIME_MS = 60_000;

/** The part of a Partywall instance that signs addresses. */
export interface AddressHost {
  central<T>(fn: () => T): Promise<Awaited<T>>;
  snapshot(options: { readonly audience: string; readonly expiresInMs: number }): string;
  resume<T>(
    snapshot: string,
    fn: () => T,
    options: { readonly audience: string },
  ): Promise<Awaited<T>>;
}

interface Address {
  readonly url: string;
  readonly host: string | undefined;
}

/** The headers of a request with its address signed in them, in place of whatever the client wrote there. */
export async function withAddress(
  host: AddressHost,
  request: FetchRequest & { readonly headers: Headers },
): Promise<Headers> {
  const { url, host: name } = fetchRequest(asAsked(request));
  const address = Buffer.from(JSON.stringify({ url, host: name })).toString("base64url");
  // A snapshot of nobody's scope, good for this address alone: signed, short-lived, and opening nothing.
  const token = await host.central(() =>
    host.snapshot({ audience: audienceOf(address), expiresInMs: LIFETIME_MS }),
  );
  const headers = new Headers(request.headers);
  headers.set(HEADER, `${address}.${token}`);
  return headers;
}

/** A page's or an action's request as resolvers see it; its address is the one that was handed on, and reading it throws where none was. */
export async function addressed(
  host: AddressHost,
  method: string,
  headers: ResolverRequest["headers"],
): Promise<ResolverRequest> {
  const name = headers.get("host") ?? undefined;
  const url = await handedOn(host, name, headers.get(HEADER));
  return {
    method,
    host: name,
    headers,
    native: headers,
    get url() {
      if (typeof url === "string") return url;
      throw url;
    },
  };
}

/** The URL that was handed on, or why there is none. */
async function handedOn(
  host: AddressHost,
  name: string | undefined,
  header: string | null,
): Promise<unknown> {
  if (header === null)
    return new PartywallError(
      "PW_CONFIG",
      "A resolver read the path or query of a page or server action, which Next.js does not tell. Hand it on in proxy.ts: " +
        "NextResponse.next({ request: { headers: await handOver(request) } }), with a matcher that covers the page.",
    );
  const [address = "", ...token] = header.split(".");
  try {
    await host.resume(token.join("."), () => undefined, { audience: audienceOf(address) });
  } catch (error) {
    return new PartywallError(
      "PW_TENANT_INVALID",
      `The address in ${HEADER} was not signed by handOver() of this application, or too long ago.`,
      { cause: error },
    );
  }
  const signed = JSON.parse(Buffer.from(address, "base64url").toString()) as Address;
  if (signed.host === name) return signed.url;
  return new PartywallError(
    "PW_TENANT_INVALID",
    `The address in ${HEADER} was signed for another host.`,
  );
}

function audienceOf(address: string): string {
  return `next-address:${createHash("sha256").update(address).digest("base64url")}`;
}

/** The URL that Next.js makes names the address it listens on; the Host header names what the client asked for. */
export function asAsked({ method, headers, signal, url }: FetchRequest): FetchRequest {
  const { protocol, pathname, search } = new URL(url);
  const asked = `${protocol}//${headers.get("host") ?? ""}${pathname}${search}`;
  return { method, headers, signal, url: URL.canParse(asked) ? asked : url };
}
