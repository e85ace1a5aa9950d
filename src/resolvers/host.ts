import { ambiguous, malformed } from "./identifier.js";

/** `uri-host [":" port]`, RFC 9110 §7.2, with an IPv6 address in brackets. */
const HOST = /^(?:(\[[0-9A-Fa-f:.]+\])|([\w-]+(?:\.[\w-]+)*)\.?)(?::[0-9]*)?$/;

/**
 * The host name in lower case without port and final dot; `undefined` when there is none or it is an IPv6 address.
 * Throws `PW_TENANT_AMBIGUOUS` for two hosts and `PW_TENANT_INVALID` for what is not a host.
 */
export function hostName(host: string | undefined, resolver: string): string | undefined {
  if (host === undefined || host === "") return undefined;
  if (host.includes(",")) throw ambiguous(resolver, "more than one host");
  const match = host.length > 300 ? null : HOST.exec(host);
  if (match === null) throw malformed(resolver, "a host name");
  return match[2]?.toLowerCase();
}
