export { chain } from "./chain.js";
export type { Chain } from "./chain.js";
export { header } from "./header.js";
export type { HeaderOptions } from "./header.js";
export type { Candidate, Identifier, Resolver, ResolverRequest } from "./resolver.js";
export { subdomain } from "./subdomain.js";
export type { SubdomainOptions } from "./subdomain.js";
